import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Architecture } from '../../src/platform/platform.js';
import { realEngine } from './real-engine.js';
import { packageRoot, startCli } from './cli.js';

/** A built layer zip. Leaving its scope removes it; the store keeps what it was made of. */
export interface BuiltLayer extends AsyncDisposable {
  readonly zip: string;
}

/**
 * Builds a recipe with the embedded toolchain, in this user's own store: the first run takes minutes, the ones
 * after it a second.
 */
export function builtLayer(recipe: string, arch: Architecture = 'x86_64'): Promise<BuiltLayer> {
  return builtLayerWith(recipe, ['--arch', arch]);
}

/** Builds a recipe as `builtLayer` does, with more options of the command line. */
export async function builtLayerWith(recipe: string, options: readonly string[]): Promise<BuiltLayer> {
  const { endpoint } = await realEngine();
  const dir = await mkdtemp(join(tmpdir(), 'layersmith-layer-'));
  const args = ['build', recipe, '--toolchain', 'debian', '--output', dir, ...options];
  const { exitCode, stdout, stderr } = await startCli(args, {
    cwd: packageRoot,
    env: { DOCKER_HOST: endpoint },
  }).ended;
  if (exitCode !== 0) {
    await rm(dir, { recursive: true, force: true });
    throw new Error(`${recipe} could not be built:\n${stderr}`);
  }
  return {
    zip: stdout.trim(),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}
