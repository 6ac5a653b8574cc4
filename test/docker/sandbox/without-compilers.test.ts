import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { openBareEngine, type BareEngine } from '../../support/bare-engine.js';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { startCli, type Ended } from '../../support/cli.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

// A layer runs with the runtime image alone: the engine here has no image with compilers, and no image can be made.

let lua: BuiltLayer;
let folder: TemporaryFolder;
let engine: BareEngine;

beforeAll(async () => {
  lua = await builtLayer('lua/5.4');
  folder = await temporaryFolder();
  await folder.write({
    'app/src/hello.lua': 'return function(event) return { hello = event.name } end',
    'home/.keep': '',
  });
  engine = await openBareEngine(join(folder.path, 'engine.sock'));
}, 600_000);

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
  await lua[Symbol.asyncDispose]();
});

function layersmith(args: readonly string[]): Promise<Ended> {
  const env = { DOCKER_HOST: engine.dockerHost, HOME: join(folder.path, 'home'), XDG_CACHE_HOME: undefined };
  return startCli(args, { cwd: folder.path, env }).ended;
}

test('a build needs compilers, and fails here', async () => {
  const ended = await layersmith(['build', 'lua/5.4', '--toolchain', 'debian', '--offline']);
  expect(ended.exitCode).toBe(72);
  expect(ended.stderr).toContain('debian-toolchain');
});

test('invoke runs a zip with an empty store, whether the toolchain is named or not', async () => {
  for (const more of [[], ['--toolchain', 'debian'], ['--offline']]) {
    const ended = await layersmith([
      ...['invoke', lua.zip, '--function', 'app', '--handler', 'hello', '--event', '{"name":"you"}'],
      ...more,
    ]);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toEqual({ hello: 'you' });
  }
  expect(engine.refused).toEqual([]);
});

test('test runs the smoke tests of a zip', async () => {
  const ended = await layersmith(['test', lua.zip]);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stdout).toMatch(/^passed: \d+ programs/);
  expect(engine.refused).toEqual([]);
});
