import { expect, test } from 'vitest';
import { EngineError } from '../../../src/core/errors.js';
import type { ContainerSpec } from '../../../src/engine/container-engine.js';
import type { Architecture } from '../../../src/platform/platform.js';
import { checkForeignImage, emulatedLimit } from '../../../src/sandbox/foreign-image.js';
import { endingEngine, type Ending } from '../../support/ending-engine.js';
import { failure } from '../../support/failure.js';
import { PLATFORM } from '../../support/platform.js';

/** Checks an image in an engine on x86_64 whose container ends like this; returns the containers' specs too. */
function check(
  architecture: Architecture,
  ending: Ending,
): { readonly checked: Promise<void>; readonly specs: readonly ContainerSpec[] } {
  const { engine, specs } = endingEngine(ending);
  const checked = checkForeignImage({
    engine,
    machine: 'x86_64',
    platform: { ...PLATFORM, architecture },
    runtimeImage: { id: 'sha256:image', digest: 'sha256:1' },
    labels: {},
    signal: new AbortController().signal,
  });
  return { checked, specs };
}

test.each([
  ['the loader runs', { stderr: '/lib/ld-linux-aarch64.so.1: missing program name\n', exitCode: 1 }],
  ['an old loader runs', { stderr: 'Usage: ld.so [OPTION]... EXECUTABLE-FILE\n', exitCode: 127 }],
])('an image of another architecture is accepted where %s', async (_what, ending) => {
  const { checked, specs } = check('arm64', ending);
  await checked;
  expect(specs).toMatchObject([{ image: 'sha256:image', command: ['/lib/ld-linux-aarch64.so.1'] }]);
});

test.each([
  ['the container says so', { stderr: 'exec /lib/ld-linux-aarch64.so.1: exec format error\n', exitCode: 1 }],
  ['qemu is not in the container', { stderr: 'exec /lib/ld: no such file or directory\n', exitCode: 1 }],
  ['the engine refuses', { refusal: 'cannot start a container: exec format error (HTTP 400)' }],
])('an image that the engine cannot run is an error with what to do, where %s', async (_what, ending) => {
  const error = await failure(check('arm64', ending).checked, EngineError);
  expect(error.message).toBe(
    'the container engine at unix:///engine.sock runs on x86_64 and cannot run programs of arm64',
  );
  expect(error.hint).toContain('`layersmith doctor --fix --arch arm64`');
  expect(error.exitCode).toBe(69);
});

test("nothing is run for the machine's own architecture", async () => {
  const { checked, specs } = check('x86_64', { refusal: 'exec format error' });
  await checked;
  expect(specs).toEqual([]);
});

test('an emulated program has more time', () => {
  const limit = (architecture: Architecture): number =>
    emulatedLimit(60_000, { machine: 'x86_64', platform: { ...PLATFORM, architecture } });
  expect(limit('x86_64')).toBe(60_000);
  expect(limit('arm64')).toBeGreaterThanOrEqual(300_000);
});
