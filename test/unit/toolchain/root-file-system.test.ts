import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, describe, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { StageError } from '../../../src/core/errors.js';
import {
  listAdded,
  openRoot,
  rootDigest,
  writeRoot,
  type RootListing,
} from '../../../src/toolchain/root-file-system.js';
import { readTar } from '../../../src/tree/read-tar.js';
import { fileEntry, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { debOf, type DebEntry } from '../../support/deb.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

interface Unpacked {
  readonly listing: RootListing;
  /** `TYPE MODE UID:GID DATE CONTENT` of each entry of the tar, by path. */
  readonly tar: ReadonlyMap<string, string>;
}

/** Unpacks packages of these entries, named a, b, … */
async function unpack(
  packages: readonly (readonly DebEntry[])[],
  added: readonly TreeEntry[] = [],
): Promise<Unpacked> {
  await using folder = await temporaryFolder();
  const fetched = await Promise.all(
    packages.map(async (entries, index) => {
      const name = String.fromCharCode(97 + index);
      const path = join(folder.path, `${name}.deb`);
      await writeFile(path, await debOf(`Package: ${name}\nVersion: 1:${index}`, entries));
      return { path, file: { path: `pool/main/${name}/${name}_${index}_all.deb`, sha256: sha256(name) } };
    }),
  );
  const rootfs = join(folder.path, 'rootfs.tar');
  const listing = new Map([...(await writeRoot(rootfs, fetched)), ...(await listAdded(added))]);
  const tar = new Map<string, string>();
  for await (const { header, content } of readTar(openRoot(rootfs, added))) {
    const { name, type, mode, uid, gid, mtime } = header;
    const bytes: Buffer[] = [];
    for await (const chunk of content) bytes.push(chunk);
    // tar-stream gives null where there is none, despite its types.
    const target = (header.linkname as string | null) ?? '';
    const text = type === 'file' ? Buffer.concat(bytes).toString() : target;
    const date = mtime.getTime();
    tar.set(
      name.replace(/\/$/, ''),
      `${type as string} ${mode.toString(8)} ${uid}:${gid} ${date} ${text}`.trimEnd(),
    );
  }
  return { listing, tar };
}

/** Links that every root file system has. */
const LINKS = ['bin', 'sbin', 'lib', 'lib64'];

const FSTAB: DebEntry = { name: './etc/fstab', content: '# none\n', mode: 0o644 };
const SHELL: DebEntry = { name: './bin/sh', content: 'ELF', mode: 0o755 };

describe('unpacked packages', () => {
  test('have their files, modes and owners, and one date', async () => {
    const { listing, tar } = await unpack([
      [
        { name: './', type: 'directory' },
        { name: './etc/', type: 'directory', mode: 0o755, mtime: new Date() },
        { ...FSTAB, mtime: new Date() },
        { name: './usr/bin/mail', content: 'x', mode: 0o2755, gid: 8 },
      ],
      [{ name: './etc/', type: 'directory', mode: 0o700 }],
    ]);
    const date = tar.get('etc')?.split(' ')[3];
    expect(Number(date)).toBeLessThan(Date.now() - 24 * 60 * 60 * 1000);
    expect(tar.get('etc')).toBe(`directory 755 0:0 ${date ?? ''}`);
    expect(tar.get('etc/fstab')).toBe(`file 644 0:0 ${date ?? ''} # none`);
    expect(tar.get('usr/bin/mail')).toBe(`file 2755 0:8 ${date ?? ''} x`);
    expect(listing.get('etc/fstab')).toBe(`file 644 0:0 ${sha256('# none\n')}`);
    expect([...listing.keys()].sort()).toEqual([...tar.keys()].sort());
  });

  test('are listed for dpkg', async () => {
    const { tar } = await unpack([[FSTAB], [SHELL]]);
    const status = tar.get('var/lib/dpkg/status') ?? '';
    expect(status).toContain('Package: a\nVersion: 1:0\nStatus: install ok installed\n\nPackage: b\n');
  });

  test('have the folders of programs and libraries below usr', async () => {
    const { listing } = await unpack([
      [SHELL, { name: './lib64/ld.so', type: 'symlink', linkname: '/lib/ld.so' }],
      [{ name: './usr/bin/dash', type: 'link', linkname: './bin/sh' }],
    ]);
    expect(listing.get('usr/bin/sh')).toContain('file 755');
    expect(listing.get('usr/lib64/ld.so')).toContain('/lib/ld.so');
    expect(listing.get('usr/bin/dash')).toContain('usr/bin/sh');
    expect(listing.has('bin/sh')).toBe(false);
  });

  test('may have the links to these folders', async () => {
    const { listing, tar } = await unpack([[{ name: './bin', type: 'symlink', linkname: 'usr/bin' }, SHELL]]);
    expect([...listing.keys()].sort()).toEqual([...LINKS, 'usr/bin/sh', 'var/lib/dpkg/status'].sort());
    for (const name of LINKS) expect(tar.get(name)).toMatch(new RegExp(`^symlink 777 0:0 \\d+ usr/${name}$`));
  });

  test('have no documentation', async () => {
    const { listing } = await unpack([
      [
        { name: './usr/share/doc/a/copyright', content: 'x' },
        { name: './usr/share/misc/a', content: 'x' },
      ],
    ]);
    expect([...listing.keys()]).toEqual(['usr/share/misc/a', 'var/lib/dpkg/status', ...LINKS]);
  });

  test('must not have different files of one name', async () => {
    const error = await failure(unpack([[FSTAB], [{ ...FSTAB, content: 'other' }]]), StageError);
    expect(error.message).toContain('etc/fstab');
    expect(error.message).toContain('b_1_all.deb');
  });

  test('must not have devices', async () => {
    const device = { name: './dev/null', type: 'character-device' as const, devmajor: 1, devminor: 3 };
    const error = await failure(unpack([[device]]), StageError);
    expect(error.message).toContain('dev/null');
  });

  test('end with the entries of a tree, owned by root', async () => {
    const added = [
      fileEntry('usr/lib/x', 'added', 0o755),
      { type: 'symlink', path: 'y', target: 'z' } as const,
    ];
    const { tar } = await unpack([[FSTAB]], added);
    expect([...tar.keys()]).toEqual(['etc/fstab', 'var/lib/dpkg/status', ...LINKS, 'usr/lib/x', 'y']);
    expect(tar.get('usr/lib/x')).toMatch(/^file 755 0:0 \d+ added$/);
    expect(Object.fromEntries(await listAdded(added))).toEqual({
      ...Object.fromEntries(LINKS.map((name) => [name, `symlink 777 0:0 usr/${name}`])),
      'usr/lib/x': `file 755 0:0 ${sha256('added')}`,
      y: 'symlink 777 0:0 z',
    });
  });
});

describe('the digest of a root file system', () => {
  const digestOf = (...listings: readonly Readonly<Record<string, string>>[]): string =>
    rootDigest(...listings.map((listing) => new Map(Object.entries(listing))));

  test('does not depend on the order or on which part an entry is in', () => {
    expect(digestOf({ a: '1', b: '2' })).toBe(digestOf({ b: '2' }, { a: '1' }));
  });

  test.each([
    ['description', { a: '1', b: '3' }],
    ['name', { a: '1', c: '2' }],
    ['number of entries', { a: '1' }],
  ])('changes with the %s', (_what, other) => {
    expect(digestOf(other)).not.toBe(digestOf({ a: '1', b: '2' }));
  });
});

test('what is no package is an error with its name', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'x.deb');
  const file = { path: 'pool/main/x/x_1_all.deb', sha256: sha256('x') };
  const write = (): Promise<unknown> => writeRoot(join(folder.path, 'rootfs.tar'), [{ path, file }]);
  for (const bytes of [Buffer.from('no ar'), await debOf('Package: x', [], 'lz4')]) {
    await writeFile(path, bytes);
    const error = await failure(write(), StageError);
    expect(error.message).toContain('x_1_all.deb');
  }
  await writeFile(path, await debOf('Package: x', [FSTAB], 'none'));
  await write();
  expect((await buffer(openRoot(join(folder.path, 'rootfs.tar'), []))).length).toBeGreaterThan(1024);
});
