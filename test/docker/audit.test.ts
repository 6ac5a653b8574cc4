import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tinyInterpreter } from '../support/tiny-recipe.js';
import { expectError, expectTidy, Workplace } from '../support/workplace.js';

// What a build would put under production is audited before it becomes a zip.

let workplace: Workplace;

beforeAll(async () => {
  workplace = await Workplace.make({
    ...tinyInterpreter('fine'),
    ...tinyInterpreter('fixed', { script: 'gcc() { command gcc -no-pie -Wl,-z,norelro "$@"; }' }),
  });
});

afterAll(async () => {
  await workplace[Symbol.asyncDispose]();
});

test('a layer that the audit refuses is not made, and the error has every finding', async () => {
  const ended = await workplace.build('fixed');
  const error = expectError(ended, 73);
  expect(error).toContain('the audit refuses the layer of fixed/1 for provided.al2023 x86_64: 2 findings');
  expect(error).toContain('bin/lua: is a program at a fixed address [no-pie]');
  expect(error).toContain('bin/lua: is a program without RELRO [no-relro]');
  expect(error).toContain('→ Link it with -Wl,-z,relro,-z,now.');
  expect(await workplace.output()).toEqual([]);
  await expectTidy(workplace, ended);
});

test('one that passes has it in the manifest beside the zip, also when it comes from the store', async () => {
  for (const reused of [false, true]) {
    const ended = await workplace.build('fine', ['--json']);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ reused });
    expect(
      JSON.parse(await readFile(join(workplace.out, 'fine-1-provided.al2023-x86_64.manifest.json'), 'utf8')),
    ).toMatchObject({
      audit: { platform: 'provided.al2023', oldestPlatform: 'provided' },
    });
  }
});
