import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { sha256OfFile } from '../core/digest.js';
import { IntegrityError, LayersmithError, PublishError, UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { inParallel } from '../core/in-parallel.js';
import type { AwsAccess } from '../publish/aws-access.js';
import type { ZipFile } from '../publish/layer-registry.js';
import type { Io } from './io.js';

export interface AwsArgs {
  readonly profile: string | undefined;
  readonly endpointUrl: string | undefined;
}

/** Throws UsageError for an endpoint that is no URL. */
export function awsAccessOf(io: Io, { profile, endpointUrl }: AwsArgs): AwsAccess {
  if (endpointUrl !== undefined && !URL.canParse(endpointUrl))
    throw new UsageError(`--endpoint-url ${endpointUrl} is no URL`, {
      hint: 'For example: --endpoint-url http://127.0.0.1:5000.',
    });
  const stands = [endpointUrl, io.env['AWS_ENDPOINT_URL'], io.env['AWS_ENDPOINT_URL_S3']];
  return { profile, endpointUrl, isStandIn: stands.some((url) => url !== undefined && url !== '') };
}

/** As many regions at once; each of them sends the whole zip. */
const AT_ONCE = 4;

/** What happened in one region: what it gave, or why not. */
export type RegionOutcome<T> = { readonly region: string } & (
  | { readonly result: T; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: LayersmithError }
);

/**
 * Does something in every region, four at once, in the order of the flags; undefined is the region that the SDK finds.
 * A region that fails does not stop the others; what is wrong with the command itself does.
 */
export async function inRegions<T>(
  regions: readonly string[],
  act: (region: string | undefined) => Promise<T>,
): Promise<readonly RegionOutcome<T>[]> {
  const asked: readonly (string | undefined)[] = regions.length === 0 ? [undefined] : [...new Set(regions)];
  for (const region of asked)
    if (region !== undefined && !/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region))
      throw new UsageError(`--region ${region} is no region`, { hint: 'For example: --region eu-west-1.' });
  const outcomes = new Map<string | undefined, RegionOutcome<T>>();
  const tasks = asked.map((region) => async (): Promise<void> => {
    const name = region ?? 'the default region';
    try {
      outcomes.set(region, { region: name, result: await act(region) });
    } catch (error) {
      if (!(error instanceof PublishError || error instanceof IntegrityError)) throw error;
      outcomes.set(region, { region: name, error });
    }
  });
  await inParallel(tasks, { parallel: AT_ONCE });
  return asked.flatMap((region) => outcomes.get(region) ?? []);
}

/** One line for each region that failed, and what to do. */
export function describeFailures(outcomes: readonly RegionOutcome<unknown>[]): string {
  return outcomes
    .flatMap(({ error }) =>
      error === undefined
        ? []
        : [`error: ${error.message}`, ...(error.hint === undefined ? [] : [`  → ${error.hint}`])],
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** The zip of a flag, with what AWS will say of it. Throws UsageError where there is none. */
export async function zipFileOf(io: Io, name: string): Promise<ZipFile> {
  const path = resolve(io.cwd, name);
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new UsageError(`${name} is no zip`, { hint: 'Name the zip itself.' });
    return { path, sizeBytes: info.size, sha256: await sha256OfFile(path) };
  } catch (cause) {
    if (cause instanceof LayersmithError) throw cause;
    throw new UsageError(`cannot read ${name} (${errorCodeOf(cause) ?? String(cause)})`, {
      hint: 'Give the path of a zip, as `layersmith build` or `package` prints it.',
      cause,
    });
  }
}

/** The bucket of a region. */
export function bucketOf(template: string | undefined, region: string): string | undefined {
  return template?.replaceAll('{region}', region);
}

/** Throws UsageError for what Lambda takes neither as a layer's name nor as a function's. */
export function checkName(name: string, what: 'layer' | 'function'): void {
  const most = what === 'layer' ? 140 : 64;
  if (/^[\w-]+$/.test(name) && name.length <= most) return;
  throw new UsageError(`--name ${name} is no name of a ${what}`, {
    hint: `It has letters, digits, - and _, ${most} at the most.`,
  });
}
