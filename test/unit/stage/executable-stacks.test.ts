import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LayerError } from '../../../src/core/errors.js';
import { refuseExecutableStacks } from '../../../src/stage/executable-stacks.js';
import { fileEntry } from '../../../src/tree/tree-entry.js';
import { compiled } from '../../support/compiled.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// Objects and archives are those of this machine's gcc, as and ar.

const NO_NOTE = '.text\n.globl f\nf: ret\n';
const NOTE = `${NO_NOTE}.section .note.GNU-stack,"",%progbits\n`;
const CODE_NOTE = `${NO_NOTE}.section .note.GNU-stack,"x",%progbits\n`;
const LONG = 'a_member_with_a_long_name_of_its_own.o';

/** Returns the object file that `as` makes of a text. */
async function assembled(source: string): Promise<Buffer> {
  await using folder = await temporaryFolder();
  await folder.write({ 'f.s': source });
  execFileSync('as', ['-o', 'f.o', 'f.s'], { cwd: folder.path });
  return await readFile(join(folder.path, 'f.o'));
}

/** Returns the archive that `ar` makes of files. */
async function archived(
  files: Readonly<Record<string, Buffer>>,
  flags: readonly string[] = ['rcsD'],
): Promise<Buffer> {
  await using folder = await temporaryFolder();
  await folder.write(files);
  execFileSync('ar', [...flags, 'lib.a', ...Object.keys(files)], { cwd: folder.path });
  return await readFile(join(folder.path, 'lib.a'));
}

function check(files: Readonly<Record<string, Buffer>>): Promise<void> {
  return refuseExecutableStacks(
    'tiny/1',
    Object.entries(files).map(([path, bytes]) => fileEntry(path, bytes)),
  );
}

/** The objects that are named by the error that stops these files. */
async function refused(files: Readonly<Record<string, Buffer>>): Promise<unknown> {
  const error = await failure(check(files), LayerError);
  expect(error.message).toContain('tiny/1 installed object files');
  expect(error.hint).toContain('-Wa,--noexecstack');
  return error.details['objects'];
}

/** The same object for arm64: the check reads no code. */
function forArm(object: Buffer): Buffer {
  const copy = Buffer.from(object);
  copy.writeUInt16LE(183, 18);
  return copy;
}

test('an object without the note stops a stage', async () => {
  expect(await refused({ 'lib/crt.o': await assembled(NO_NOTE) })).toEqual(['lib/crt.o']);
});

test('so does one without code, because the linker counts it too', async () => {
  expect(await refused({ 'data.o': await assembled('.data\n.long 1\n') })).toEqual(['data.o']);
});

test('members of static libraries are named, whatever the length of their names', async () => {
  const files = {
    'good.o': await assembled(NOTE),
    'bad.o': await assembled(NO_NOTE),
    [LONG]: await assembled(NO_NOTE),
    'x.o': await assembled(CODE_NOTE),
  };
  expect(await refused({ 'lib/libf.a': await archived(files) })).toEqual([
    'lib/libf.a(bad.o)',
    `lib/libf.a(${LONG})`,
    'lib/libf.a(x.o)',
  ]);
});

test('a library is recognized by its content, and of many objects five are named', async () => {
  const bad = await assembled(NO_NOTE);
  const names = Array.from({ length: 7 }, (_, index) => `${index}.o`);
  const lib = await archived(Object.fromEntries(names.map((name) => [name, bad])));
  const named = names.slice(0, 5).map((name) => `share/objects(${name})`);
  expect(await refused({ 'share/objects': lib })).toEqual([...named, 'and 2 more']);
});

describe('accepted is', () => {
  test('what compilers make, what is assembled with the note, and files that are not objects', async () => {
    const library = {
      'c.o': await compiled('int g(void) { return 1; }\n', ['-c']),
      [LONG]: await assembled(NOTE),
      'lto.o': await compiled('int g(void) { return 1; }\n', ['-c', '-flto']),
      'bitcode.o': Buffer.from(`BC\xc0\xde${'0'.repeat(100)}`, 'latin1'),
      'notes.txt': Buffer.from('no object'),
    };
    await check({
      'lib/lib.a': await archived(library),
      'lib/empty.a': await archived({}),
      'lib/script.a': Buffer.from(`GROUP ( ${'libf.a '.repeat(20)})\n`),
      'lib/c.o': library['c.o'],
      'bin/program': await compiled('int main(void) { return 0; }\n', ['-Wl,-z,execstack']),
      'etc/small': Buffer.from('\x7fELF'),
    });
  });

  test('an object for arm64 without the note, but not with one that is executable', async () => {
    const [plain, code] = [await assembled(NO_NOTE), await assembled(CODE_NOTE)];
    await check({ 'lib/crt.o': forArm(plain) });
    expect(await refused({ 'a.o': forArm(plain), 'x.o': forArm(code) })).toEqual(['x.o']);
  });
});

test('the linker makes stacks executable with exactly the objects that are refused', async () => {
  await using folder = await temporaryFolder();
  const cases = { NO_NOTE, NOTE, CODE_NOTE, data: '.data\n.long 1\n', empty: '' };
  await folder.write({ 'm.o': await compiled('int g(void) { return 1; }\n', ['-c']) });
  for (const [name, source] of Object.entries(cases)) {
    const object = await assembled(source);
    await folder.write({ 'f.o': object });
    execFileSync('ld', ['-shared', '-o', 'f.so', 'm.o', 'f.o'], { cwd: folder.path, stdio: 'pipe' });
    const headers = execFileSync('readelf', ['-lW', 'f.so'], { cwd: folder.path, encoding: 'utf8' });
    const stops = await check({ 'f.o': object }).then(
      () => false,
      () => true,
    );
    expect([name, stops]).toEqual([name, /GNU_STACK.* RWE /.test(headers)]);
  }
});

describe('what cannot be linked stops a stage too:', () => {
  test.each([
    ['a thin archive', ['rcsDT'], 'archive: a thin one'],
    ['a truncated archive', ['rcsD'], 'is truncated'],
  ])('%s', async (_name, flags, message) => {
    const whole = await archived({ 'f.o': await assembled(NOTE), 'g.o': await assembled(NOTE) }, flags);
    const bytes = flags[0] === 'rcsDT' ? whole : whole.subarray(0, -100);
    const error = await failure(check({ 'lib/libf.a': bytes }), LayerError);
    expect(error.message).toContain('tiny/1 installed lib/libf.a, which cannot be linked: ');
    expect(error.message).toContain(message);
  });
});
