import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where tests keep what they have downloaded, in the user's cache. */
export function testCache(): string {
  const cache = process.env['XDG_CACHE_HOME'];
  const base = cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), '.cache');
  return join(base, 'layersmith-tests');
}
