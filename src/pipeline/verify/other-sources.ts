import { sha256OfFile } from '../../core/digest.js';
import { LayerError } from '../../core/errors.js';
import type { Reporter } from '../../core/reporter.js';
import { readLayerRecord } from '../../layer/layer-record.js';
import type { Manifest } from '../../layer/manifest.js';
import type { StageOutcome } from '../build/stage-results.js';

/**
 * Reports each source of which another alternative was compiled than the record beside the zip says. The manifest lists all
 * alternatives, so only the record tells them apart. Says nothing if there is no record of this zip; an invalid one is a
 * warning.
 */
export async function reportOtherSources(
  zip: string,
  {
    manifest,
    outcomes,
    reporter,
  }: {
    readonly manifest: Manifest;
    readonly outcomes: readonly StageOutcome[];
    readonly reporter: Pick<Reporter, 'info' | 'warn'>;
  },
): Promise<void> {
  const usedThen = await usedSourcesOf(zip, reporter);
  const here = new Map(outcomes.map(({ recipe, sources }) => [recipe, sources]));
  for (const { recipe, sources } of manifest.stages) {
    const fileOf = (digest: string): string =>
      `${sources.find(({ sha256 }) => sha256 === digest)?.file ?? 'a file'} (${digest})`;
    for (const name of new Set(sources.map((source) => source.name))) {
      const [before, now] = [usedThen[recipe]?.[name], here.get(recipe)?.[name]];
      if (before === undefined || now === undefined || before === now) continue;
      reporter.info(
        `${recipe}: compiled ${name} from ${fileOf(now)}; the layer's record names ${fileOf(before)}`,
      );
    }
  }
}

async function usedSourcesOf(
  zip: string,
  { warn }: Pick<Reporter, 'warn'>,
): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>> {
  try {
    const record = await readLayerRecord(zip);
    if (record === undefined || record.kind === 'vendor') return {};
    return record.layer.sha256 === (await sha256OfFile(zip)) ? record.usedSources : {};
  } catch (error) {
    if (!(error instanceof LayerError)) throw error;
    warn(error.message);
    return {};
  }
}
