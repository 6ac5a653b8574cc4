import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { LayerError } from '../../../src/core/errors.js';
import { packTree } from '../../../src/tree/pack-tree.js';
import { openContent, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { normalizeTree } from '../../../src/tree/normalize-tree.js';
import { elsewhere, HERE, THERE } from '../../support/elsewhere.js';
import { failure } from '../../support/failure.js';
import { rawTar, type RawEntry } from '../../support/raw-tar.js';
import { smallDisk } from '../../support/small-disk.js';
import { tarOf, type TarEntry } from '../../support/tar.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

async function normalized<T>(
  archive: Readable,
  use: (entries: readonly TreeEntry[]) => T | Promise<T>,
): Promise<T> {
  await using folder = await temporaryFolder();
  let used: T;
  {
    const { signal } = new AbortController();
    await using tree = await normalizeTree(archive, { tmpDir: folder.path, signal });
    used = await use(tree.entries);
  }
  expect(await readdir(folder.path)).toEqual([]);
  return used;
}

/** Entries as `drwx path`, files with their content. */
async function listed(entries: readonly TreeEntry[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const entry of entries) {
    if (entry.type === 'symlink') lines.push(`${entry.path} -> ${entry.target}`);
    else if (entry.type === 'directory') lines.push(`${entry.path}/ ${entry.mode.toString(8)}`);
    else
      lines.push(`${entry.path} ${entry.mode.toString(8)} ${(await buffer(openContent(entry))).toString()}`);
  }
  return lines;
}

const list = (entries: readonly TarEntry[]): Promise<readonly string[]> => normalized(tarOf(entries), listed);
const bytesOf = (archive: Readable): Promise<Buffer> =>
  normalized(archive, (entries) => buffer(packTree(entries, { owner: 0 })));

describe('what a stage may leave', () => {
  test('files, folders and links come sorted by path, below the first component', async () => {
    const entries: TarEntry[] = [
      { name: 'opt/', type: 'directory' },
      { name: 'opt/lib/', type: 'directory' },
      { name: 'opt/lib/z', content: 'z' },
      { name: 'opt/lib-a', content: '-' },
      { name: './opt/lib//b', content: 'b' },
      { name: 'opt/Lib', type: 'symlink', linkname: 'lib' },
    ];
    expect(await list(entries)).toEqual([
      'Lib -> lib',
      'lib/ 755',
      'lib-a 644 -',
      'lib/b 644 b',
      'lib/z 644 z',
    ]);
  });

  test('modes become 755 for what anybody may run and for folders, 644 for the rest', async () => {
    const entries: TarEntry[] = [
      { name: 'opt/a', mode: 0o600, content: 'a' },
      { name: 'opt/b', mode: 0o777, content: 'b' },
      { name: 'opt/c', mode: 0o010, content: 'c' },
      { name: 'opt/d/', mode: 0o1700, type: 'directory' },
    ];
    expect(await list(entries)).toEqual(['a 644 a', 'b 755 b', 'c 755 c', 'd/ 755']);
  });

  test('a hard link to a file becomes a file', async () => {
    const entries: TarEntry[] = [
      { name: 'opt/bin/perl5', mode: 0o755, content: 'elf' },
      { name: 'opt/bin/perl', type: 'link', linkname: 'opt/bin/perl5' },
    ];
    expect(await list(entries)).toEqual(['bin/perl 755 elf', 'bin/perl5 755 elf']);
  });

  test('a link that stays inside is kept as it is: relative, absolute, to nothing, through another', async () => {
    const entries: TarEntry[] = [
      { name: 'opt/lib/libx.so', type: 'symlink', linkname: 'libx.so.1' },
      { name: 'opt/bin/x', type: 'symlink', linkname: '../lib/./x' },
      { name: 'opt/y', type: 'symlink', linkname: '/opt/lib/y' },
      { name: 'opt/deep/er/up', type: 'symlink', linkname: '..' },
      { name: 'opt/through', type: 'symlink', linkname: 'deep/er/up/../lib' },
    ];
    expect(await list(entries)).toEqual([
      'bin/x -> ../lib/./x',
      'deep/er/up -> ..',
      'lib/libx.so -> libx.so.1',
      'through -> deep/er/up/../lib',
      'y -> /opt/lib/y',
    ]);
  });

  test('long names and names in UTF-8 are kept', async () => {
    const name = `${'folder/'.repeat(40)}Grüße-😀`;
    expect(await list([{ name: `opt/${name}`, content: 'x' }])).toEqual([`${name} 644 x`]);
  });

  test('an empty file, and one that comes in many chunks', async () => {
    const content = Buffer.alloc(300_000, 'layersmith');
    const archive = tarOf([
      { name: 'opt/a', content: '' },
      { name: 'opt/b', content },
      { name: 'opt/c', content: 'c' },
    ]);
    const [a, b, c] = await normalized(archive, (entries) =>
      Promise.all(entries.flatMap((entry) => (entry.type === 'file' ? [buffer(openContent(entry))] : []))),
    );
    expect(a?.length).toBe(0);
    expect(b?.equals(content)).toBe(true);
    expect(c?.toString()).toBe('c');
  });

  test('an archive of nothing but the folder', async () => {
    expect(await list([{ name: 'opt/', type: 'directory' }])).toEqual([]);
  });
});

describe('the result is the same', () => {
  const entries: TarEntry[] = [
    { name: 'opt/a', content: 'a' },
    { name: 'opt/b/', type: 'directory' },
    { name: 'opt/b/c', content: 'c', mode: 0o755 },
    { name: 'opt/d', type: 'symlink', linkname: 'a' },
  ];

  test('whatever order the archive is in', async () => {
    expect((await bytesOf(tarOf([...entries].reverse()))).equals(await bytesOf(tarOf(entries)))).toBe(true);
  });

  test('whoever owns the files, and whatever their date', async () => {
    const others = entries.map((entry) => ({
      ...entry,
      uid: 1000,
      gid: 1000,
      uname: 'builder',
      gname: 'builder',
      mtime: new Date('2031-01-01T00:00:00Z'),
    }));
    expect((await bytesOf(tarOf(others))).equals(await bytesOf(tarOf(entries)))).toBe(true);
  });

  test('under another umask, time zone and locale', async () => {
    const [one, other] = [
      await elsewhere(HERE, () => bytesOf(tarOf(entries))),
      await elsewhere(THERE, () => bytesOf(tarOf(entries))),
    ];
    expect(one.equals(other)).toBe(true);
  });

  test('however the archive is cut into chunks', async () => {
    const whole = await buffer(tarOf(entries));
    const cut = Array.from({ length: Math.ceil(whole.length / 7) }, (_, index) =>
      whole.subarray(index * 7, index * 7 + 7),
    );
    expect((await bytesOf(Readable.from(cut))).equals(await bytesOf(Readable.from([whole])))).toBe(true);
  });
});

/** An entry that makes the archive hostile, with what else must be there. */
const HOSTILE: readonly [string, readonly TarEntry[], string][] = [
  ['an absolute path', [{ name: '/etc/passwd', content: 'x' }], 'it leaves the tree'],
  ['a path with ..', [{ name: 'opt/../etc/passwd', content: 'x' }], 'it leaves the tree'],
  ['a path that begins with ..', [{ name: '../x', content: 'x' }], 'it leaves the tree'],
  ['a name with NUL', [{ name: 'opt/a', pax: { path: 'opt/a\0b' }, content: 'x' }], 'it leaves the tree'],
  ['a link to an absolute path', [{ name: 'opt/a', type: 'symlink', linkname: '/etc' }], 'leaves the tree'],
  [
    'a link to a relative path outside',
    [{ name: 'opt/a/b', type: 'symlink', linkname: '../../etc' }],
    'leaves the tree',
  ],
  [
    'a link to a path whose name begins as the tree',
    [{ name: 'opt/a', type: 'symlink', linkname: '/optional' }],
    'leaves the tree',
  ],
  ['a link to the root', [{ name: 'opt/a', type: 'symlink', linkname: '..' }], 'leaves the tree'],
  [
    'a link through a neighbour of the tree',
    [{ name: 'opt/a', type: 'symlink', linkname: '../etc/../opt/b' }],
    'leaves the tree',
  ],
  [
    'a link with NUL',
    [{ name: 'opt/a', type: 'symlink', linkname: 'x', pax: { linkpath: 'x\0y' } }],
    'leaves the tree',
  ],
  [
    'a link that leaves through another link',
    [
      { name: 'opt/a/b/up', type: 'symlink', linkname: '..' },
      { name: 'opt/out', type: 'symlink', linkname: 'a/b/up/../../etc' },
    ],
    'leaves the tree',
  ],
  [
    'a link that leaves through a chain of links, in any order',
    [
      { name: 'opt/z', type: 'symlink', linkname: 'a/b/m/../../etc' },
      { name: 'opt/a/b/m', type: 'symlink', linkname: '/opt/x' },
      { name: 'opt/x', type: 'symlink', linkname: '.' },
    ],
    'leaves the tree',
  ],
  [
    'links that go round',
    [
      { name: 'opt/a', type: 'symlink', linkname: 'b/x' },
      { name: 'opt/b', type: 'symlink', linkname: 'a/x' },
    ],
    'is part of a cycle',
  ],
  [
    'a file below a link',
    [
      { name: 'opt/a', type: 'symlink', linkname: 'b' },
      { name: 'opt/a/x', content: 'x' },
    ],
    'a/x below a, which is not a folder',
  ],
  [
    'a file below a link that comes later',
    [
      { name: 'opt/a/b/x', content: 'x' },
      { name: 'opt/a', type: 'symlink', linkname: 'c' },
    ],
    'a/b/x below a, which is not a folder',
  ],
  [
    'a file below a file',
    [
      { name: 'opt/a', content: 'a' },
      { name: 'opt/a/x', content: 'x' },
    ],
    'a/x below a, which is not a folder',
  ],
  [
    'a character device',
    [{ name: 'opt/null', type: 'character-device', devmajor: 1, devminor: 3 }],
    'a character-device is not allowed',
  ],
  [
    'a block device',
    [{ name: 'opt/sda', type: 'block-device', devmajor: 8 }],
    'a block-device is not allowed',
  ],
  ['a FIFO', [{ name: 'opt/pipe', type: 'fifo' }], 'a fifo is not allowed'],
  ['a set-uid file', [{ name: 'opt/su', mode: 0o4755, content: 'x' }], 'set-uid or set-gid'],
  ['a set-gid file', [{ name: 'opt/wall', mode: 0o2755, content: 'x' }], 'set-uid or set-gid'],
  [
    'a name that occurs twice',
    [
      { name: 'opt/a', content: '1' },
      { name: 'opt/./a', content: '2' },
    ],
    'its name occurs twice',
  ],
  [
    'a hard link before its target',
    [
      { name: 'opt/a', type: 'link', linkname: 'opt/b' },
      { name: 'opt/b', content: 'b' },
    ],
    'a hard link to opt/b, which is not an earlier file',
  ],
  ['a hard link to outside', [{ name: 'opt/a', type: 'link', linkname: '/etc/passwd' }], 'leaves the tree'],
  [
    'a hard link to a symlink',
    [
      { name: 'opt/b', type: 'symlink', linkname: 'c' },
      { name: 'opt/a', type: 'link', linkname: 'opt/b' },
    ],
    'a hard link to opt/b, which is not an earlier file',
  ],
];

const HOSTILE_BYTES: readonly [string, readonly RawEntry[], RegExp][] = [
  ['an entry of no known type', [{ name: 'opt/a', type: 'X' }], /is not allowed in a layer/],
  ['a link to nowhere', [{ name: 'opt/a', type: '2' }], /a link to "" leaves the tree/],
  ['a hard link to nowhere', [{ name: 'opt/a', type: '1' }], /which is not an earlier file/],
  ['a folder with a size', [{ name: 'opt/a/', type: '5', size: 512 }], /a folder with content/],
  ['a size that is no number', [{ name: 'opt/a', size: 'enormous' }], /damaged/],
  ['a long name longer than memory', [{ name: 'x', type: 'L', size: 8_000_000_000 }], /damaged/],
];

describe('a hostile archive is refused:', () => {
  test.each(HOSTILE)('%s', async (_what, entries, why) => {
    const error = await failure(list([...entries, { name: 'opt/last', content: 'x' }]), LayerError);
    expect(error.message).toContain(why);
    expect(error.hint).toContain('build script');
  });

  test.each(HOSTILE_BYTES)('%s', async (_what, entries, why) => {
    const archive = rawTar([...entries, { name: 'opt/last', content: 'x' }]);
    const error = await failure(normalized(archive, listed), LayerError);
    expect(error.message).toMatch(why);
  });

  test('the entry is named', async () => {
    const error = await failure(list([{ name: 'opt/tmp/pipe', type: 'fifo' }]), LayerError);
    expect(error.message).toContain('"opt/tmp/pipe"');
  });
});

describe('a damaged archive is refused:', () => {
  test.each([
    ['in the middle of a file', 512 + 100],
    ['in the middle of a header', 512 + 512 + 300],
  ])('cut off %s', async (_where, length) => {
    const whole = await buffer(
      tarOf([
        { name: 'opt/a', content: 'a'.repeat(400) },
        { name: 'opt/b', content: 'b' },
      ]),
    );
    const error = await failure(normalized(Readable.from([whole.subarray(0, length)]), listed), LayerError);
    expect(error.message).toContain('damaged');
    expect(error.hint).toContain('again');
  });

  test('with a header whose checksum is wrong', async () => {
    const whole = await buffer(tarOf([{ name: 'opt/a', content: 'a' }]));
    whole.write('X', 4);
    expect((await failure(normalized(Readable.from([whole]), listed), LayerError)).message).toContain(
      'damaged',
    );
  });
});

test('an archive whose stream breaks gives the error of the stream', async () => {
  const broken = new Readable({
    read() {
      this.destroy(new RangeError('the engine is gone'));
    },
  });
  expect((await failure(normalized(broken, listed), RangeError)).message).toBe('the engine is gone');
});

test('an aborted signal stops the reading with its reason', async () => {
  await using folder = await temporaryFolder();
  const stopped = new AbortController();
  const whole = await buffer(
    tarOf([
      { name: 'opt/a', content: 'a' },
      { name: 'opt/b', content: 'b' },
    ]),
  );
  const archive = Readable.from(
    (function* () {
      yield whole.subarray(0, 1024);
      stopped.abort(new RangeError('stop'));
      yield whole.subarray(1024);
    })(),
  );
  const reading = normalizeTree(archive, { tmpDir: folder.path, signal: stopped.signal });
  expect((await failure(reading, RangeError)).message).toBe('stop');
  expect(archive.destroyed).toBe(true);
});

test(
  'a full disk is told as the disk tells it, with many small files too',
  { tags: ['system'] },
  async () => {
    await using disk = await smallDisk(64);
    const entries = Array.from({ length: 40 }, (_, index) => ({
      name: `opt/${index}`,
      content: Buffer.alloc(5_000, 1),
    }));
    const options = { tmpDir: disk.path, signal: new AbortController().signal };
    const error = await failure(normalizeTree(tarOf(entries), options), Error);
    expect(error).toMatchObject({ code: 'ENOSPC' });
    expect(await readdir(disk.path)).toEqual([]);
  },
);
