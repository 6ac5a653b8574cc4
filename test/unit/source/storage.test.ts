/** @module-tag system */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { StorageError } from '../../../src/core/errors.js';
import { hostMirrors } from '../../../src/source/debian/debian-mirror.js';
import { takeSnapshot } from '../../../src/source/debian/debian-snapshot.js';
import { createDebianArchive } from '../../../src/source/debian/debian-archive.js';
import { failure } from '../../support/failure.js';
import { makeStore, never, pinned, source, startServer } from './source-support.js';

const run = promisify(execFile);
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** A file system of that size, a real one: mounting takes root, as `make test` does. */
async function smallDisk(size: string): Promise<AsyncDisposable & { readonly path: string }> {
  if (process.getuid?.() !== 0) throw new Error('this test mounts a small file system: run it as root');
  const path = await mkdtemp(join(tmpdir(), 'layersmith-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  return {
    path,
    async [Symbol.asyncDispose]() {
      // Lazily: a helper of apt's may take a moment to be gone.
      await run('umount', ['--lazy', path]);
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

test("a disk without room for the indexes of Debian's archive is a storage error", async () => {
  await using disk = await smallDisk('8m');
  const mirror = process.env['LAYERSMITH_DEBIAN_MIRROR'];
  const debian = createDebianArchive({ cacheDir: join(disk.path, 'apt'), mirror });
  await using store = await makeStore();
  const error = await failure(
    store.fetcher({ archives: [debian] }).fetch(source(pinned('x')), never()),
    StorageError,
  );
  expect(error.message).toMatch(/the disk is full \([78] MiB left, .* need 150 MiB\)$/);
  expect(error.message).toContain(disk.path);
  expect(error.hint).toContain('--store');
});

test('a disk that fills up under apt, which would wait for ever, is a storage error', async () => {
  await using disk = await smallDisk('4m');
  const [mirror] = await hostMirrors('/etc/apt');
  if (mirror === undefined) throw new Error("this test needs a host whose apt has Debian's archive");
  const dir = join(disk.path, 'new');
  const options = { mirror, keyring: KEYRING, codenames: ['bookworm', 'trixie'], env: {}, takenAt: 0 };
  const error = await failure(takeSnapshot(dir, options, never()), StorageError);
  expect(error.message).toBe(`cannot write to ${dir}: the disk is full`);
});
