import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { smallDisk } from '../../../support/small-disk.js';
import { tinyInterpreter } from '../../../support/tiny-recipe.js';
import { expectError, expectTidy, Workplace } from '../../../support/workplace.js';

// Disks that are full for real: a small memory file system is where the files go (wants root).

/** What it leaves cannot be compressed, and does not fit. */
const BIG = 'head -c 8M /dev/urandom >"$DESTDIR/opt/big"';

test.each([
  ['while a stage is taken out', { script: BIG }],
  [
    'while a stage talks',
    { script: 'for i in 1 2 3 4; do head -c 4M /dev/zero | tr "\\\\0" "x" | fold; done; sleep 600' },
  ],
])(
  'a disk that is full for the store %s stops the build, and leaves nothing there',
  async (_when, recipe) => {
    await using workplace = await Workplace.make(tinyInterpreter('tiny', recipe));
    await using disk = await smallDisk(2048);
    workplace.store = disk.path;
    const ended = await workplace.build('tiny');
    const error = expectError(ended, 74);
    expect(error).toContain(`cannot write to ${workplace.store}`);
    expect(error).toContain('the disk is full');
    expect(error).toMatch(/^ {2}→ .*--store/m);
    expect(await readdir(join(workplace.store, 'artifacts'))).toEqual([]);
    expect(await workplace.output()).toEqual([]);
    await expectTidy(workplace, ended);
  },
);

test('a disk that is full for the layer keeps the stages that are finished', async () => {
  // The artifact fits, and its bytes once more in the spool do not.
  const main =
    'static const char rest[] = {\n#include "/build/rest.h"\n}; puts("tiny"); return rest[getpid() & 1] == 3;';
  const script =
    'head -c 600K /dev/urandom | od -An -v -t d1 | sed "s/ *\\\\([-0-9]\\\\+\\\\)/\\\\1,/g" >/build/rest.h';
  await using workplace = await Workplace.make(tinyInterpreter('tiny', { script, main }));
  await using disk = await smallDisk(1400);
  workplace.store = disk.path;
  const ended = await workplace.build('tiny');
  expect(expectError(ended, 74)).toContain(`cannot write to ${workplace.store}`);
  expect(await readdir(join(workplace.store, 'artifacts'))).toHaveLength(1);
  expect(await readdir(join(workplace.store, 'layers'))).toEqual([]);
  await expectTidy(workplace, ended);
});

test('a disk that is full for the output folder leaves nothing there, and the layer in the store', async () => {
  await using workplace = await Workplace.make(tinyInterpreter('tiny'));
  const roomy = workplace.out;
  {
    await using disk = await smallDisk(4);
    workplace.out = disk.path;
    const ended = await workplace.build('tiny');
    const error = expectError(ended, 74);
    expect(error).toContain(`cannot write to ${workplace.out}`);
    expect(error).toMatch(/^ {2}→ .*--output/m);
    expect(await workplace.output()).toEqual([]);
    await expectTidy(workplace, ended);
  }
  workplace.out = roomy;
  const again = await workplace.build('tiny');
  expect(again).toMatchObject({ exitCode: 0 });
  expect(again.stderr).toContain('in the store, built and tested before');
});
