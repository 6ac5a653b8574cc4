import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { SharedStoreError } from '../core/errors.js';
import { errorCodeOf, kindOf } from '../core/file-system.js';
import { scratchName } from '../core/scratch.js';
import type { ObjectStore } from './object-store.js';

/** Opens a folder as an object store, such as one on a network file system. It is created with the first object. */
export function folderObjects(root: string): ObjectStore {
  const pathOf = (object: string): string => join(root, ...object.split('/'));
  const failed = (cause: unknown): SharedStoreError => {
    const code = errorCodeOf(cause) ?? '';
    return new SharedStoreError(`${root}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      isDenied: ['EACCES', 'EPERM', 'EROFS'].includes(code),
      hint: 'Check the folder, its owner and its permissions.',
      cause,
    });
  };
  return {
    name: root,
    async read(object, signal) {
      signal.throwIfAborted();
      try {
        const file = await open(pathOf(object));
        const content = createReadStream('', { fd: file, highWaterMark: 1 << 20 });
        return translated(content, failed);
      } catch (error) {
        if (['ENOENT', 'ENOTDIR'].includes(errorCodeOf(error) ?? '')) return undefined;
        throw failed(error);
      }
    },
    async exists(object) {
      return (await kindOf(pathOf(object))) === 'file';
    },
    async create(object, content, signal) {
      signal.throwIfAborted();
      const target = pathOf(object);
      const temporary = join(dirname(target), `.${scratchName()}`);
      try {
        await mkdir(dirname(target), { recursive: true });
        if ('bytes' in content) await writeFile(temporary, content.bytes);
        else await copyFile(content.file, temporary);
        // Unlike a rename, a link never replaces what is there.
        return await link(temporary, target).then(
          () => true,
          (error: unknown) => {
            if (errorCodeOf(error) === 'EEXIST') return false;
            throw error;
          },
        );
      } catch (error) {
        throw failed(error);
      } finally {
        await rm(temporary, { force: true }).catch(() => undefined);
      }
    },
  };
}

/** Returns a stream with the same bytes whose error is a translated one. */
export function translated(source: Readable, translate: (error: unknown) => Error): Readable {
  const out = new PassThrough({ highWaterMark: 1 << 20 });
  source.on('error', (error) => out.destroy(translate(error)));
  return pipeline(source, out, () => undefined);
}
