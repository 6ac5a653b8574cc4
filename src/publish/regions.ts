import { IntegrityError, PublishError, UsageError, type LayersmithError } from '../core/errors.js';
import { inParallel } from '../core/in-parallel.js';

/** How many regions are processed at a time. Each of them receives the whole zip. */
const PARALLEL_REGIONS = 4;

/** The result of one region, or its error. */
export type RegionOutcome<T> = { readonly region: string } & (
  | { readonly result: T; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: LayersmithError }
);

/**
 * Runs `act` for each region, four at a time, and returns the outcomes in the order of `regions`. Without regions it runs once
 * with undefined, which means the region that the AWS SDK finds. A region whose AWS calls fail does not stop the others. Throws
 * UsageError for an invalid region name before anything is done, and every other error of `act`.
 */
export async function inRegions<T>(
  regions: readonly string[],
  act: (region: string | undefined) => Promise<T>,
): Promise<readonly RegionOutcome<T>[]> {
  const wanted: readonly (string | undefined)[] = regions.length === 0 ? [undefined] : [...new Set(regions)];
  for (const region of regions)
    if (!/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region))
      throw new UsageError(`'${region}' is not the name of a region`, {
        hint: 'For example: --region eu-west-1.',
      });
  const outcomes = new Map<string | undefined, RegionOutcome<T>>();
  const tasks = wanted.map((region) => async (): Promise<void> => {
    const name = region ?? 'the default region';
    try {
      outcomes.set(region, { region: name, result: await act(region) });
    } catch (error) {
      if (!(error instanceof PublishError || error instanceof IntegrityError)) throw error;
      outcomes.set(region, { region: name, error });
    }
  });
  await inParallel(tasks, { parallel: PARALLEL_REGIONS });
  return wanted.flatMap((region) => outcomes.get(region) ?? []);
}

/** Returns the bucket of a region: `{region}` in the template is replaced by the region's name. */
export function bucketOf(template: string | undefined, region: string): string | undefined {
  return template?.replaceAll('{region}', region);
}
