import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { StageError } from '../../../src/core/errors.js';
import { listRootFileSystem, unsettledFiles, withoutHost } from '../../../src/toolchain/root-file-system.js';
import { failure } from '../../support/failure.js';

type Entry = Parameters<ReturnType<typeof pack>['entry']>[0] & { readonly content?: string };

/** A tar whose names are spelled as mmdebstrap spells them, `./etc/fstab`, unless they already are. */
function tarOf(...entries: readonly Entry[]): Readable {
  const archive = pack();
  for (const { content, ...header } of entries) {
    if (header.type === undefined || header.type === 'file') archive.entry(header, content ?? '');
    else archive.entry(header);
  }
  archive.finalize();
  return Readable.from(archive, { objectMode: false });
}

const digestOf = async (...entries: readonly Entry[]): Promise<string> =>
  (await listRootFileSystem(tarOf(...entries))).digest;

const FSTAB: Entry = { name: './etc/fstab', content: '# none\n', mode: 0o644 };
const SHELL: Entry = { name: './bin/sh', content: 'ELF', mode: 0o755 };

describe('the digest of a root file system', () => {
  test.each([
    ['host name', { name: './etc/hostname', content: 'laptop\n' }],
    ['resolver', { name: './etc/resolv.conf', content: 'nameserver 192.0.2.1 # of the office\n' }],
    [
      'mirror',
      { name: './etc/apt/sources.list', content: 'deb http://mirror.example/debian bullseye main\n' },
    ],
    ['preferences', { name: './etc/apt/preferences.d/layersmith', content: 'Package: gcc\n' }],
    ['log', { name: './var/log/bootstrap.log', content: '2026-11-24\n' }],
    ['cache', { name: './var/cache/apt/pkgcache.bin', content: 'x' }],
    ['devices', { name: './dev/null', type: 'character-device' as const, devmajor: 1, devminor: 3 }],
  ])('does not change with the %s', async (_what, entry) => {
    expect(await digestOf(FSTAB, entry)).toBe(await digestOf(FSTAB));
  });

  test('does not change with the order, the dates or the spelling of the names', async () => {
    const other = [
      { ...SHELL, name: 'bin/sh', mtime: new Date(0) },
      { ...FSTAB, name: '/etc/fstab' },
    ];
    expect(await digestOf(...other)).toBe(await digestOf(FSTAB, SHELL));
  });

  test('does not change with which name of a hard link comes first', async () => {
    const link = (name: string, linkname: string): Entry => ({ name, linkname, type: 'link', mode: 0o755 });
    expect(await digestOf(SHELL, link('./bin/dash', './bin/sh'))).toBe(
      await digestOf({ ...SHELL, name: './bin/dash' }, link('bin/sh', 'bin/dash')),
    );
  });

  test.each([
    ['content', { ...FSTAB, content: '# some\n' }],
    ['mode', { ...FSTAB, mode: 0o600 }],
    ['owner', { ...FSTAB, uid: 1 }],
    ['name', { ...FSTAB, name: './etc/mounts' }],
    ['kind', { ...FSTAB, type: 'symlink' as const, linkname: 'x' }],
  ])('changes with the %s of a file', async (_what, entry) => {
    expect(await digestOf(entry)).not.toBe(await digestOf(FSTAB));
  });
});

test('a copy without the host has the same digest, and the same bytes whatever the dates were', async () => {
  const entries: readonly Entry[] = [
    { name: './etc/', type: 'directory', mode: 0o755 },
    { name: './etc/hostname', content: 'laptop\n' },
    FSTAB,
    { name: './etc/empty', content: '' },
    SHELL,
    { name: './bin/ash', type: 'symlink', linkname: 'sh' },
    { name: './bin/dash', type: 'link', linkname: './bin/sh', mode: 0o755 },
  ];
  const { digest, entries: listed } = await listRootFileSystem(withoutHost(tarOf(...entries)));
  expect(digest).toBe(await digestOf(...entries));
  expect(listed.map(({ path }) => path)).toEqual([
    'bin/ash',
    'bin/dash',
    'bin/sh',
    'etc',
    'etc/empty',
    'etc/fstab',
  ]);
  const later = entries.map((entry) => ({ ...entry, mtime: new Date(1e12) }));
  expect(await buffer(withoutHost(tarOf(...later)))).toEqual(await buffer(withoutHost(tarOf(...entries))));
});

test('files that packages settle are not listed; changed, own and unowned ones are', async () => {
  const info = './var/lib/dpkg/info/dash';
  // md5 of `ELF`.
  const listing = await listRootFileSystem(
    tarOf(
      FSTAB,
      SHELL,
      { name: './bin/changed', content: 'other', mode: 0o755 },
      { name: './bin/ash', type: 'symlink', linkname: 'sh' },
      { name: './bin/mine', type: 'symlink', linkname: 'sh' },
      { name: `${info}.list`, content: '/bin\n/bin/sh\n/bin/changed\n/bin/ash\n' },
      {
        name: `${info}.md5sums`,
        content:
          'c2f9f98e4a9d7ce4c9a0d0fb3ae0d2d9  bin/changed\n26b42b8ca7c3b0c1b4dbf7b0b1e5c0bf  bin/none\n',
      },
    ),
  );
  const shell = listing.entries.find(({ path }) => path === 'bin/sh');
  const settled = new Map([
    ...listing.dpkgLists,
    ['var/lib/dpkg/info/x.md5sums', `${shell?.md5 ?? ''}  bin/sh\n`],
  ]);
  expect([...unsettledFiles({ ...listing, dpkgLists: settled }).keys()].sort()).toEqual([
    'bin/changed',
    'bin/mine',
    'etc/fstab',
    'var/lib/dpkg/info/*',
  ]);
});

test.each(['name', 'linkname'])('a %s that is not UTF-8 is refused', async (field) => {
  const bytes = await buffer(tarOf({ name: './bin/Q', linkname: 'Q', type: 'symlink' }));
  // The checksum of a header is the sum of its bytes, in octal at 148.
  const at = field === 'name' ? 6 : 157;
  expect(bytes[at]).toBe(0x51);
  bytes[at] = 0xff;
  const sum = parseInt(bytes.toString('latin1', 148, 154), 8) + 0xff - 0x51;
  bytes.write(sum.toString(8).padStart(6, '0'), 148);
  const tar = (): Readable => Readable.from([bytes], { objectMode: false });
  expect((await failure(listRootFileSystem(tar()), StageError)).message).toContain('not UTF-8');
  await failure(buffer(withoutHost(tar())), StageError);
});

describe('a tar', () => {
  const broken = (): Readable => {
    const tar = new Readable({ read: () => undefined });
    tar.on('error', () => undefined);
    return tar;
  };

  test('that has already failed is an error, not a wait', async () => {
    for (const read of [listRootFileSystem, (tar: Readable) => buffer(withoutHost(tar))]) {
      const tar = broken();
      tar.destroy(new Error('disk error'));
      await new Promise(setImmediate);
      await expect(read(tar)).rejects.toThrow('disk error');
    }
  });

  test('that fails in a file is an error of the copy', async () => {
    const bytes = await buffer(tarOf({ ...FSTAB, content: 'x'.repeat(5000) }));
    const tar = broken();
    tar.push(bytes.subarray(0, 1500));
    setImmediate(() => tar.destroy(new Error('disk error')));
    await expect(buffer(withoutHost(tar))).rejects.toThrow('disk error');
  });

  test('is closed when nobody wants its copy or its list any more', async () => {
    const bytes = await buffer(tarOf({ ...FSTAB, content: 'x'.repeat(5000) }));
    const tar = broken();
    tar.push(bytes.subarray(0, 1500));
    const copy = withoutHost(tar);
    for await (const _chunk of copy) break;
    await expect.poll(() => tar.destroyed).toBe(true);
  });
});
