import { open, realpath, type FileHandle } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import mime from 'mime';
import { errorCodeOf } from '../core/file-system.js';

/** An open file. Dispose of it, unless a stream that was made of it does. */
export interface AssetFile {
  readonly file: FileHandle;
  readonly sizeBytes: number;
  readonly contentType: string;
}

/** Where assets are. */
export interface AssetPlace {
  readonly folder: string;
  /** Another folder that symlinks may lead to, such as the function's own. */
  readonly linksInto: string;
}

/** Code that the function runs: it is never sent to a client. */
const SOURCES: ReadonlySet<string> = new Set(['.php', '.phtml', '.phar', '.inc', '.lua']);

/**
 * Opens the file that the path of a URL names. Returns undefined if there is none, for folders, for sources of the function, for
 * files whose path has a name with a leading dot, and for symlinks that lead elsewhere.
 */
export async function openAsset(place: AssetPlace, urlPath: string): Promise<AssetFile | undefined> {
  const names = namesOf(urlPath);
  if (names === undefined || isSource(names.at(-1) ?? '')) return undefined;
  let file: FileHandle | undefined;
  try {
    const path = await realpath(join(place.folder, ...names));
    const isAllowed = (await isInside(path, place.folder)) || (await isInside(path, place.linksInto));
    if (!isAllowed || isSource(path)) return undefined;
    file = await open(path);
    const info = await file.stat();
    if (info.isFile()) return { file, sizeBytes: info.size, contentType: typeOf(path) };
  } catch (error) {
    if (!MISSING.has(errorCodeOf(error) ?? '')) throw error;
  }
  await file?.close();
  return undefined;
}

const MISSING: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG']);

function isSource(path: string): boolean {
  return SOURCES.has(extname(path).toLowerCase());
}

/** Splits a path into the names of a file. Undefined if a name is empty, starts with a dot or contains a separator. */
function namesOf(urlPath: string): readonly string[] | undefined {
  try {
    const names = urlPath.slice(1).split('/').map(decodeURIComponent);
    return names.every((name) => /^[^./\\\0][^/\\\0]*$/s.test(name)) ? names : undefined;
  } catch {
    return undefined;
  }
}

async function isInside(path: string, folder: string): Promise<boolean> {
  const below = relative(await realpath(folder), path).split(sep);
  return below.every((name) => !name.startsWith('.'));
}

/** Text is UTF-8. */
function typeOf(path: string): string {
  const type = mime.getType(path) ?? 'application/octet-stream';
  return /^text\/|^application\/(json|xml|javascript)$/.test(type) ? `${type}; charset=utf-8` : type;
}
