import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SourceError } from '../../../../src/core/errors.js';
import { sha256 } from '../../../../src/core/digest.js';
import type { BuildContext } from '../../../../src/pipeline/build/build-context.js';
import { buildPlan } from '../../../../src/pipeline/build/build-stages.js';
import { openStore, type Store } from '../../../../src/store/store.js';
import { failure } from '../../../support/failure.js';
import { PLATFORM } from '../../../support/platform.js';
import { planIn, recipeFolder } from '../../../support/recipe-files.js';

/**
 * Builds app/1, which needs lib/1. The source of app/1 is not available. Returns the error, and whether a container was
 * created before it.
 */
async function buildWithoutSource(
  prepare: (store: Store) => Promise<unknown>,
): Promise<{ readonly error: Error; readonly hasCompiled: boolean }> {
  await using folder = await recipeFolder({ 'app/1': ['lib'], 'lib/1': [] });
  const store = await openStore(join(folder.path, 'store'), () => undefined);
  await prepare(store);
  let hasCompiled = false;
  const file = join(folder.path, 'main.tar.gz');
  await writeFile(file, 'source');
  const quiet = (): void => undefined;
  const plan = await planIn(folder.path, 'app/1');
  const context = {
    platform: PLATFORM,
    toolchain: { buildImage: { id: 'image', digest: 'sha256:toolchain' } },
    library: { protocolPath: join(folder.path, 'stage.sh') },
    store,
    engine: {
      createContainer: () => {
        hasCompiled = true;
        return Promise.reject(new Error('the engine is busy'));
      },
    },
    fetcher: {
      fetch: (source: (typeof plan.root.recipe.sources)[number]) =>
        plan.root.recipe.sources.includes(source)
          ? Promise.reject(new SourceError('the source of app/1 is gone'))
          : Promise.resolve({ file: source.alternatives[0], path: file, from: 'the store' }),
    },
    reporter: {
      info: quiet,
      warn: quiet,
      close: quiet,
      activity: () => ({ doing: quiet, finished: quiet, failed: quiet }),
    },
    jobs: 1,
    labels: {},
    runName: 'run',
    memoryBytes: 1,
    stageTimeoutMs: 1000,
    keepContainer: false,
    now: () => 0,
    signal: new AbortController().signal,
  } as unknown as BuildContext;
  return { error: await failure(buildPlan(plan, context), Error), hasCompiled };
}

test('a missing source of a stage that has no artifact costs no build, whatever durations are known', async () => {
  for (const prepare of [
    () => Promise.resolve(),
    // As in a build from scratch, or after `clean`.
    (store: Store) => store.rememberSeconds('app/1', 10),
  ]) {
    const { error, hasCompiled } = await buildWithoutSource(prepare);
    expect(error).toBeInstanceOf(SourceError);
    expect(hasCompiled).toBe(false);
  }
});

test('a stage that has an artifact may turn out unchanged: its source is not wanted before its needs', async () => {
  // As in a store whose artifacts were copied from another machine without the durations.
  const { error, hasCompiled } = await buildWithoutSource((store) =>
    store.add('artifacts', { key: sha256('key'), name: 'app/1', seconds: () => 1 }, (path) =>
      writeFile(path, 'artifact'),
    ),
  );
  expect(error.message).toBe('the engine is busy');
  expect(hasCompiled).toBe(true);
});
