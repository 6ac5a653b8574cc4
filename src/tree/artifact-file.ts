import { createReadStream } from 'node:fs';
import { readTarFile } from './read-tar.js';

/** The bytes of one small file of an artifact (a normalized tar), or undefined when it has no file of that path. */
export function artifactFile(artifact: string, path: string): Promise<Buffer | undefined> {
  return readTarFile(createReadStream(artifact), (name) => name === path);
}
