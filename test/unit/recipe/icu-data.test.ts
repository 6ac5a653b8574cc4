import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { BUILT_IN_RECIPES } from '../../support/recipe-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const run = promisify(execFile);
const HEADER_SIZE = 48;

/** A package of ICU data as ICU's own tools write it, in little-endian byte order. */
function icuPackage(items: readonly (readonly [name: string, data: string])[]): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt16LE(HEADER_SIZE, 0);
  header.write('CmnD', 12, 'latin1');
  const names = items.map(([name]) => Buffer.from(`icudt76l/${name}\0`));
  const tableSize = 4 + 8 * items.length;
  const padded = (content: Buffer, before: number): Buffer =>
    Buffer.concat([content, Buffer.alloc((16 - ((before + content.length) % 16)) % 16, 0xaa)]);
  const nameBytes = padded(Buffer.concat(names), HEADER_SIZE + tableSize);
  const table = Buffer.alloc(tableSize);
  table.writeUInt32LE(items.length, 0);
  let nameAt = tableSize;
  let dataAt = tableSize + nameBytes.length;
  const data = items.map(([, content]) => padded(Buffer.from(content), 0));
  for (const [index, content] of data.entries()) {
    table.writeUInt32LE(nameAt, 4 + 8 * index);
    table.writeUInt32LE(dataAt, 8 + 8 * index);
    nameAt += names[index]?.length ?? 0;
    dataAt += content.length;
  }
  return Buffer.concat([header, table, nameBytes, ...data]);
}

async function trim(patterns: string, before: Buffer): Promise<{ after: Buffer; stdout: string }> {
  await using folder = await temporaryFolder();
  const [list, input, output] = ['patterns', 'in.dat', 'out.dat'].map((name) => join(folder.path, name));
  if (list === undefined || input === undefined || output === undefined) throw new Error('no paths');
  await writeFile(list, patterns);
  await writeFile(input, before);
  const script = join(BUILT_IN_RECIPES, 'icu', 'trim-data.pl');
  const { stdout } = await run('perl', [script, list, input, output]);
  return { after: await readFile(output), stdout };
}

test('the trimmed data is the package that has the other items only; the last pattern that matches an item decides', async () => {
  const { after } = await trim(
    '# a comment\n\n*.cnv\n!ibm-91[2-5]_*.cnv\nunit/*\n',
    icuPackage([
      ['cnvalias.icu', 'aliases'],
      ['ibm-912_P100.cnv', 'Latin-2'],
      ['ibm-943_P15A.cnv', 'Shift_JIS, of more than sixteen bytes'],
      ['root.res', 'root'],
      ['unit/root.res', 'units'],
    ]),
  );
  expect(after).toEqual(
    icuPackage([
      ['cnvalias.icu', 'aliases'],
      ['ibm-912_P100.cnv', 'Latin-2'],
      ['root.res', 'root'],
    ]),
  );
});

test('a pattern that matches no item is named', async () => {
  const { stdout } = await trim('unit/*\n', icuPackage([['root.res', 'root']]));
  expect(stdout).toContain('has nothing like unit/*');
});

test('a file of another format is refused', async () => {
  await expect(trim('unit/*\n', Buffer.alloc(64))).rejects.toThrow('is not a package of ICU data');
});
