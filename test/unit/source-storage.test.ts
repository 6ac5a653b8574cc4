import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { StorageError } from '../../src/core/errors.js';
import { createDebianArchive } from '../../src/source/debian-archive.js';
import { failure } from '../support/failure.js';
import { makeStore, never, pinned, source, startServer } from './source-support.js';

const run = promisify(execFile);

/** A file system of that size, a real one: mounting takes root, as `make test` does. */
async function smallDisk(size: string): Promise<AsyncDisposable & { readonly path: string }> {
  if (process.getuid?.() !== 0) throw new Error('this test mounts a small file system: run it as root');
  const path = await mkdtemp(join(tmpdir(), 'layersmith-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await run('umount', [path]);
      await rm(path, { recursive: true });
    },
  };
}

test('a disk that fills up during a download is a storage error that names the folder, and nothing stays', async () => {
  await using disk = await smallDisk('256k');
  await using server = await startServer((_, response) => response.end(Buffer.alloc(1 << 20, 'x')));
  const store = await makeStore(disk.path);
  const file = pinned(Buffer.alloc(1 << 20, 'x'), `${server.origin}/big`, `${server.origin}/mirror`);

  const error = await failure(store.fetcher().fetch(source(file), never()), StorageError);

  expect(error.exitCode).toBe(74);
  expect(error.message).toBe(`cannot write to ${store.tmpDir}: the disk is full`);
  expect(error.cause).toMatchObject({ code: 'ENOSPC' });
  expect(server.asked).toEqual(['/big']);
  expect(await store.names()).toEqual({ sources: [], tmp: [] });
});

test('a disk that fills up while a file is copied from --sources is a storage error too', async () => {
  await using disk = await smallDisk('256k');
  const store = await makeStore(disk.path);
  await using other = await makeStore();
  const extraDir = join(other.root, 'mine');
  await mkdir(extraDir);
  await writeFile(join(extraDir, 'big'), Buffer.alloc(1 << 20, 'x'));
  const file = pinned(Buffer.alloc(1 << 20, 'x'));
  await failure(store.fetcher({ extraDir }).fetch(source(file), never()), StorageError);
  expect(await store.names()).toEqual({ sources: [], tmp: [] });
});

test('a disk that fills up while apt fetches indexes is a storage error, and the half of them is removed', async () => {
  await using disk = await smallDisk('8m');
  const debian = createDebianArchive({
    cacheDir: join(disk.path, 'apt'),
    mirror: process.env['LAYERSMITH_DEBIAN_MIRROR'],
  });
  await using store = await makeStore();
  const error = await failure(store.fetcher({ debian }).fetch(source(pinned('x')), never()), StorageError);
  expect(error.message).toContain(disk.path);
  expect(error.hint).toContain('--store');
  const { stdout } = await run('du', ['-s', '--block-size=1k', disk.path]);
  expect(Number.parseInt(stdout, 10)).toBeLessThan(100);
  expect(await store.names()).toEqual({ sources: [], tmp: [] });
});
