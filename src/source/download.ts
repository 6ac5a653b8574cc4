import { IntegrityError } from '../core/errors.js';
import type { PinnedFile } from '../recipe/source.js';
import { httpGet, HttpFailure, type HttpTimeouts } from './http-get.js';
import type { SourceFiles } from './source-files.js';

/** What a URL came to: the path of the file, or the reason why there is none. */
export type Downloaded = { readonly path: string } | { readonly reason: string };

/** Gets a pinned file from one URL into the store. */
export type Download = (url: string, file: PinnedFile, signal: AbortSignal) => Promise<Downloaded>;

/**
 * Makes a downloader that remembers, for as long as it lives, which hosts cannot be reached, and does not ask
 * them again. A connection that breaks midway is tried once more. Wrong bytes are an IntegrityError at once:
 * whatever the next place has, somebody should look. StorageError when the disk refuses.
 */
export function createDownload(files: SourceFiles, timeouts: HttpTimeouts): Download {
  const unreachable = new Map<string, string>();
  const refuse = (host: string): string | undefined => {
    const reason = unreachable.get(host);
    return reason === undefined ? undefined : `${host} was not asked again (${reason})`;
  };

  const once = async (
    url: string,
    file: PinnedFile,
    signal: AbortSignal,
  ): Promise<Downloaded | HttpFailure> => {
    try {
      const kept = await files.keep(httpGet(url, { timeouts, signal, refuse }), file.sha256);
      if (kept.kept) return { path: kept.path };
      throw new IntegrityError(`the sha256 of ${url} does not match the recipe`, {
        details: { url, expected: file.sha256, actual: kept.actual },
        hint: `If upstream released ${file.file} again, pin the new sha256 in the recipe after looking at what changed.`,
      });
    } catch (error) {
      if (error instanceof HttpFailure) return error;
      throw error;
    }
  };

  return async (url, file, signal) => {
    let result = await once(url, file, signal);
    if (result instanceof HttpFailure && result.kind === 'broken') result = await once(url, file, signal);
    if (!(result instanceof HttpFailure)) return result;
    if (result.kind === 'unreachable') unreachable.set(result.host, result.message);
    return { reason: result.message };
  };
}
