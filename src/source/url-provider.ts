import { IntegrityError } from '../core/errors.js';
import type { PinnedFile } from '../recipe/source.js';
import { HttpFailure, type HttpTimeouts } from './http-failure.js';
import type { Proxies } from './proxies.js';
import type { FailedAttempt, FindOptions, SourceProvider } from './source-provider.js';

/** Settings of `createUrlProvider`. */
export interface UrlProviderOptions {
  readonly proxies: Proxies;
  readonly timeouts: HttpTimeouts;
  /** CA certificates (PEM) to trust in place of Node.js's own. */
  readonly ca?: string | undefined;
  /** Allow http on any host: Debian's mirrors have no other. */
  readonly allowHttp?: boolean | undefined;
}

/**
 * Creates a provider that downloads files from the URLs of the recipe, in their order. It remembers hosts and proxies that
 * cannot be reached and does not try them again. It retries a broken download once. Wrong bytes throw an IntegrityError
 * immediately, without trying another URL.
 */
export function createUrlProvider(options: UrlProviderOptions): SourceProvider {
  const unreachable = new Map<string, string>();
  const refuse = (host: string): string | undefined => {
    const reason = unreachable.get(host);
    if (reason === undefined) return undefined;
    return `skipped after an earlier failure (${reason.startsWith(host) ? '' : `${host}: `}${reason})`;
  };

  /** Returns the path in the store, or why the download failed. */
  const download = async (
    url: string,
    file: PinnedFile,
    { files, signal }: FindOptions,
  ): Promise<string | HttpFailure> => {
    // Loaded when something is downloaded: most runs find everything in the store.
    const { httpGet } = await import('./http-get.js');
    try {
      const kept = await files.keep(httpGet(url, { ...options, signal, refuse }), file.sha256);
      if (kept.kept) return kept.path;
      throw new IntegrityError(`the sha256 of ${url} does not match the recipe`, {
        details: { url, expected: file.sha256, actual: kept.actual },
        hint: `If upstream re-released ${file.name}, review what changed and pin the new sha256 in the recipe.`,
      });
    } catch (error) {
      if (error instanceof HttpFailure) return error;
      throw error;
    }
  };

  return {
    name: 'the URLs of the recipe',
    async find(file, how) {
      const attempts: FailedAttempt[] = [];
      for (const url of file.urls) {
        let result = await download(url, file, how);
        if (typeof result !== 'string' && result.kind === 'broken') result = await download(url, file, how);
        if (typeof result === 'string') return { path: result, from: url };
        if (result.kind === 'unreachable') unreachable.set(result.host, result.message);
        attempts.push({ place: url, reason: result.message });
      }
      return { attempts };
    },
  };
}
