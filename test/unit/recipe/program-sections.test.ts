import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readElf } from '../../../src/elf/read-elf.js';
import { openEntry } from '../../../src/tree/open-entry.js';
import { fileEntry } from '../../../src/tree/tree-entry.js';
import { readFile } from 'node:fs/promises';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const SOURCE = `
#include <stdio.h>
int first_data = 1, second_data = 2, unused_data = 3;
int first_zero[100], second_zero[100];
const int first_constant[50] = {1}, second_constant[50] = {2};
const char *const names[] = {"a", "b"};
static __attribute__((noinline)) int first(int n) { return first_data + first_zero[n] + first_constant[n]; }
static __attribute__((noinline)) int second(int n) { return (second_data = n) + second_zero[n] + second_constant[n]; }
int main(int count, char **arguments) {
  (void)arguments;
  printf("%d %s\\n", first(count) + second(count), names[count % 2]);
  return 0;
}
`;

const ORDER = [
  '# a comment',
  '.text.second',
  '.text.main',
  '.rodata.second_constant',
  '.bss.second_zero',
  '.data.rel.ro.local.names',
  '.text.removed_long_ago',
  '.data.second_data',
  '.text.first',
];

/** Links SOURCE as recipes/php/program.sh does, with the sections in ORDER. Returns what it prints, and its sections. */
async function linked(start: string): Promise<{
  readonly printed: string;
  readonly sections: readonly string[];
  readonly pie: boolean;
  readonly bytes: Buffer;
}> {
  await using folder = await temporaryFolder();
  await folder.write({ 'a.c': SOURCE, order: ORDER.map((line) => `${line}\n`).join('') });
  const script = `
    set -euo pipefail
    export CPPFLAGS= CFLAGS= LDFLAGS= LD=ld LC_ALL=C LAYERSMITH_OPTION_START=${start}
    source ${join(PACKAGE_ROOT, 'recipes', 'php', 'program.sh')}
    gcc -O1 -fPIE -ffunction-sections -fdata-sections -c a.c
    order_sections order >order.ld
    gcc "\${start_flags[@]}" -Wl,-z,relro,-z,now -Wl,--gc-sections -Wl,-T,order.ld -Wl,-Map=map -o a a.o
    list_sections map >sections
    ./a`;
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: folder.path });
  const bytes = await readFile(join(folder.path, 'a'));
  await using file = await openEntry(fileEntry('a', bytes) as Parameters<typeof openEntry>[0]);
  const elf = await readElf(file);
  const lines = (await readFile(join(folder.path, 'sections'), 'utf8')).split('\n');
  return {
    printed: stdout,
    sections: lines.map((line) => line.split(' ')[2] ?? ''),
    pie: elf.kind === 'elf64' && elf.pie,
    bytes,
  };
}

test.each([
  ['hardened', true],
  ['fastest', false],
])(
  'the sections that a list names come first, in its order, in a program that starts %s',
  async (start, pie) => {
    const program = await linked(start);
    expect(program.pie).toBe(pie);
    expect(program.printed).toBe('2 b\n');
    const ours = /^\.(text|rodata|data\.rel\.ro\.local|data|bss)\.(main|first|second|names|unused)/;
    expect(program.sections.filter((name) => ours.test(name) && !name.includes('.str'))).toEqual([
      '.text.second',
      '.text.main',
      '.text.first',
      '.rodata.second_constant',
      '.rodata.first_constant',
      '.data.rel.ro.local.names',
      '.data.second_data',
      '.data.first_data',
      '.bss.second_zero',
      '.bss.first_zero',
    ]);
  },
);

test('two links with a list have the same bytes', async () => {
  const [one, other] = [await linked('hardened'), await linked('hardened')];
  expect(one.bytes.equals(other.bytes)).toBe(true);
});
