import { basename, dirname } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { tinyInterpreter } from '../../../support/tiny-recipe.js';
import { Workplace } from '../../../support/workplace.js';

let workplace: Workplace;

beforeAll(async () => {
  workplace = await Workplace.make(tinyInterpreter('tiny'));
});

afterAll(async () => {
  await workplace[Symbol.asyncDispose]();
});

const ZIPS = ['tiny-1-provided.al2023-x86_64.zip', 'tiny-1-provided.al2023-arm64.zip'];
/** The same architecture twice is one layer. */
const BOTH = ['--arch', 'x86_64', '--arch', 'arm64', '--arch', 'arm64'];

test('a build for two architectures tests both layers, and prints a path for each', async () => {
  const ended = await workplace.build('tiny', BOTH);
  expect(ended.exitCode, ended.stderr).toBe(0);
  const paths = ended.stdout.trimEnd().split('\n');
  expect(paths.map((path) => basename(path))).toEqual(ZIPS);
  expect(paths.map(dirname)).toEqual([workplace.out, workplace.out]);
  expect(ended.stderr.match(/^built and tested: 1 programs/gm)).toHaveLength(2);
  expect(await workplace.output()).toEqual(expect.arrayContaining(ZIPS));
});

test('as JSON it prints one object a line', async () => {
  const ended = await workplace.build('tiny', [...BOTH, '--json']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  const objects = ended.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { path: string; reused: boolean });
  expect(objects.map(({ path }) => basename(path))).toEqual(ZIPS);
  expect(objects.map(({ reused }) => reused)).toEqual([true, true]);
});
