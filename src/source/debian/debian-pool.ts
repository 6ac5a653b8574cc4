import type { HttpTimeouts } from '../http-failure.js';
import type { Proxies } from '../proxies.js';
import type { SourceProvider } from '../source-provider.js';
import { createUrlProvider } from '../url-provider.js';
import type { DebianMirror } from './debian-mirror.js';

/** Settings of `createDebianPool`. */
export interface DebianPoolOptions {
  /** Returns the mirrors to try, in their order. Called for the first file. */
  readonly mirrors: () => Promise<readonly DebianMirror[]>;
  readonly proxies: Proxies;
  readonly timeouts: HttpTimeouts;
}

/**
 * Creates a provider that downloads files whose recipe names their place in Debian's pool from mirrors, without apt: hosts that
 * are not Debian have none. The recipe's sha256 verifies them.
 */
export function createDebianPool({ mirrors, proxies, timeouts }: DebianPoolOptions): SourceProvider {
  const urls = createUrlProvider({ proxies, timeouts, allowHttp: true });
  let known: Promise<readonly DebianMirror[]> | undefined;
  return {
    name: "the pool of Debian's mirrors",
    async find(file, how) {
      const place = file.debian;
      if (place === undefined) return { attempts: [] };
      known ??= mirrors();
      const addresses = (await known).flatMap(({ archive, security }) => {
        const base = place.startsWith('pool/updates/') ? security : archive;
        return base === undefined ? [] : [`${base}/${place}`];
      });
      return urls.find({ ...file, urls: addresses }, how);
    },
  };
}
