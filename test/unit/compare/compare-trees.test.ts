import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compareTrees } from '../../../src/compare/compare-trees.js';
import { fileEntry, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const link = (path: string, target: string): TreeEntry => ({ type: 'symlink', path, target });

test('trees that are the same have no differences', async () => {
  const tree = [fileEntry('a', 'one'), link('b', 'a')];
  expect(await compareTrees(tree, tree)).toEqual([]);
});

test('each entry that differs is named once, sorted, with what it is in both', async () => {
  const first = [fileEntry('z', ''), fileEntry('mode', ''), link('link', 'a'), fileEntry('text', 'one two')];
  const second = [
    link('link', 'b'),
    fileEntry('mode', '', 0o755),
    fileEntry('text', 'one ten'),
    fileEntry('a', ''),
  ];
  expect(await compareTrees(first, second)).toEqual([
    { path: 'a', kind: 'only-in-second', detail: 'a file that only the second has' },
    { path: 'link', kind: 'target', detail: 'points to a and b' },
    { path: 'mode', kind: 'mode', detail: 'mode 644 and 755' },
    { path: 'text', kind: 'content', detail: 'offset 0x5: "wo" and "en"' },
    { path: 'z', kind: 'only-in-first', detail: 'a file that only the first has' },
  ]);
});

test('a file that goes on where the other ends is told with both sizes', async () => {
  const [difference] = await compareTrees([fileEntry('a', 'one')], [fileEntry('a', 'one two')]);
  expect(difference?.detail).toBe('offset 0x3: end of file and " two" (3 and 7 bytes)');
});

test('a file in place of a link is told', async () => {
  const [difference] = await compareTrees([fileEntry('a', '')], [link('a', 'b')]);
  expect(difference).toEqual({ path: 'a', kind: 'type', detail: 'a file and a symlink' });
});

/** An object and a static library with it, whose only text is `text`; made by gcc and ar, without which this fails. */
async function compiled(text: string): Promise<readonly TreeEntry[]> {
  await using folder = await temporaryFolder();
  await folder.write({ 'part.c': `const char text[] = "${text}";\n`, 'other.c': 'int other = 1;\n' });
  const run = (program: string, ...args: string[]): void => {
    execFileSync(program, args, { cwd: folder.path });
  };
  run('gcc', '-c', 'part.c', 'other.c');
  run('ar', 'rcD', 'libpart.a', 'other.o', 'part.o');
  return await Promise.all(
    ['part.o', 'libpart.a'].map(async (name) => fileEntry(name, await readFile(join(folder.path, name)))),
  );
}

test('inside an ELF file the section and the offset in it are told, inside a static library the member too', async () => {
  const differences = await compareTrees(
    await compiled('built on monday'),
    await compiled('built on friday'),
  );
  expect(differences.map(({ detail }) => detail)).toEqual([
    expect.stringMatching(/^part\.o: \.rodata\+0x9 \(file offset 0x[0-9a-f]+\): "monday\." and "friday\."$/),
    expect.stringMatching(/^\.rodata\+0x9 \(file offset 0x[0-9a-f]+\): "monday\." and "friday\."$/),
  ]);
});

test('an ELF file that is damaged is told by its offset alone', async () => {
  const [object] = await compiled('a text');
  if (object?.type !== 'file' || !('bytes' in object.content)) throw new Error('no object');
  const cut = Buffer.from(object.content.bytes.subarray(0, 100));
  const other = Buffer.from(cut);
  other.writeUInt8(other.readUInt8(80) ^ 1, 80);
  const [difference] = await compareTrees([fileEntry('a', cut)], [fileEntry('a', other)]);
  expect(difference?.detail).toMatch(/^offset 0x50: /);
});
