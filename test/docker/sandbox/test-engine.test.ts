import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { openBareEngine, type BareEngine } from '../../support/bare-engine.js';
import { tinyInterpreter } from '../../support/tiny-recipe.js';
import { Workplace } from '../../support/workplace.js';

// The engine of --test-engine has no image with compilers and can make none, so what it runs is not a stage.

let workplace: Workplace;
let tester: BareEngine;

beforeAll(async () => {
  workplace = await Workplace.make(tinyInterpreter('tiny'));
  tester = await openBareEngine(join(workplace.dir, 'tester.sock'));
});

afterAll(async () => {
  await tester[Symbol.asyncDispose]();
  await workplace[Symbol.asyncDispose]();
});

test('an engine that does not answer is reported before anything is compiled', async () => {
  const ended = await workplace.build('tiny', ['--test-engine', `unix://${workplace.dir}/none.sock`]);
  expect(ended.exitCode).toBe(69);
  expect(ended.stderr).toContain(`no container engine answers at 'unix://${workplace.dir}/none.sock'`);
  expect(ended.stderr).not.toContain('toolchain:');
  expect(await workplace.output()).toEqual([]);
});

test('a layer is compiled on one engine and tested on the named one', async () => {
  const ended = await workplace.build('tiny', ['--test-engine', tester.dockerHost]);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stderr).toContain(`tests run on ${tester.dockerHost}`);
  expect(ended.stderr).toContain('built and tested: 1 programs');
  // The volumes of the tests, and the program.
  expect(tester.created).toHaveLength(2);
  expect(tester.refused).toEqual([]);
});

test('test runs a layer on the named engine', async () => {
  const before = tester.created.length;
  const zip = (await workplace.build('tiny')).stdout.trim();
  const places = ['--store', workplace.store, '--recipes', workplace.recipes, '--toolchain', 'debian'];
  const tested = await workplace.run(['test', zip, ...places, '--test-engine', tester.dockerHost], {
    env: { DOCKER_HOST: `unix://${workplace.dir}/none.sock` },
  });
  expect(tested.exitCode, tested.stderr).toBe(0);
  expect(tester.created).toHaveLength(before + 2);
});
