import { join } from 'node:path';

import { packageRoot, startCli } from './cli.js';

/**
 * A folder for `--sources` that has what Lua is made of, fetched once and kept for later runs: what a test
 * takes from there is checked against its sha256 like any other file.
 */
export async function luaSources(): Promise<string> {
  const store = join(packageRoot, 'node_modules', '.cache', 'layersmith-tests');
  const { exitCode, stderr } = await startCli(['fetch', 'lua/5.4', '--store', store], {
    cwd: packageRoot,
    env: {},
  }).ended;
  if (exitCode !== 0) throw new Error(`the sources of Lua cannot be had:\n${stderr}`);
  return join(store, 'sources');
}
