import { createReadStream } from 'node:fs';
import { readTarFile } from './read-tar.js';

/** Reads one small file of an artifact (a normalized tar). Undefined if it has no such file. */
export function artifactFile(artifact: string, path: string): Promise<Buffer | undefined> {
  return readTarFile(createReadStream(artifact), (name) => name === path);
}
