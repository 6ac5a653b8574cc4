import { expect, test } from 'vitest';
import { installMissing, type Host, type MissingOptions } from '../../../src/cli/install-missing.js';
import { EngineUnavailableError, UsageError } from '../../../src/core/errors.js';
import { openDockerEngine } from '../../../src/engine/docker-engine.js';
import { EngineNotFoundError } from '../../../src/engine/find-engine.js';
import { failure } from '../../support/failure.js';
import { ScriptedEngine } from '../../support/scripted-engine.js';

interface Machine {
  readonly hasEngine?: boolean;
  /** What chose the engine that does not answer. */
  readonly configuredBy?: string;
  readonly hasMmdebstrap?: boolean;
  /** Whether the engine has the platform's images. */
  readonly hasImages?: boolean;
  readonly isRoot?: boolean;
  readonly os?: string;
  readonly registryAnswers?: boolean;
  readonly toolchain?: MissingOptions['toolchain'];
}

/** Runs it on a machine, and returns what was announced and done, in order. */
async function fix(machine: Machine): Promise<{ readonly done: readonly string[]; readonly error: unknown }> {
  await using scripted = await ScriptedEngine.start();
  const engine = await openDockerEngine(scripted.address);
  const done: string[] = [];
  let { hasEngine = true } = machine;
  const host: Host = {
    canInstall: { os: machine.os ?? 'linux', isRoot: machine.isRoot ?? true },
    findEngine: () => {
      if (hasEngine) return Promise.resolve(engine);
      const { configuredBy } = machine;
      return Promise.reject(new EngineNotFoundError('none', { configuredBy }));
    },
    startEngine: () => {
      done.push('engine started');
      hasEngine = true;
      return Promise.resolve();
    },
    hasMmdebstrap: () => Promise.resolve(machine.hasMmdebstrap ?? true),
    installMmdebstrap: () => {
      done.push('mmdebstrap installed');
      return Promise.resolve();
    },
  };
  const fixing = installMissing(host, {
    toolchain: machine.toolchain,
    hasImages: () => Promise.resolve(machine.hasImages ?? false),
    registryAnswers: () => Promise.resolve(machine.registryAnswers ?? false),
    report: (line) => done.push(line.split(/[:,]/)[0] ?? ''),
  });
  return {
    done,
    error: await fixing.then(
      () => undefined,
      (error: unknown) => error,
    ),
  };
}

test('nothing is done or said where nothing is missing', async () => {
  expect(await fix({})).toEqual({ done: [], error: undefined });
});

test('an engine and mmdebstrap are installed, each announced before', async () => {
  const { done } = await fix({ hasEngine: false, hasMmdebstrap: false });
  expect(done).toEqual([
    'no container engine answers',
    'engine started',
    'mmdebstrap',
    'mmdebstrap installed',
  ]);
});

test.each([
  ['the images of the platform are in the engine', { hasImages: true }],
  ["Amazon's registry answers", { registryAnswers: true }],
  ['the other toolchain is asked for', { toolchain: 'amazonlinux' }],
] as const)('mmdebstrap is not installed where %s', async (_why, machine) => {
  expect(await fix({ hasMmdebstrap: false, ...machine })).toEqual({ done: [], error: undefined });
});

test('it is where the embedded toolchain is asked for, whatever is there', async () => {
  const machine = { hasImages: true, registryAnswers: true, toolchain: 'debian' } as const;
  expect((await fix({ hasMmdebstrap: false, ...machine })).done).toContain('mmdebstrap installed');
});

test.each([
  ['an engine', { hasEngine: false }],
  ['mmdebstrap', { hasMmdebstrap: false }],
])('only root can install %s', async (_what, machine) => {
  const { done, error } = await fix({ isRoot: false, ...machine });
  expect(done).toEqual([]);
  expect(error).toBeInstanceOf(UsageError);
});

test.each([
  ['that was chosen and does not answer', { configuredBy: 'DOCKER_HOST' }],
  ['on another system', { os: 'darwin' }],
])('no engine is started in place of one %s', async (_which, machine) => {
  const { done, error } = await fix({ hasEngine: false, ...machine });
  expect(done).toEqual([]);
  expect(await failure(Promise.reject(error as Error), EngineUnavailableError)).toBeInstanceOf(
    EngineNotFoundError,
  );
});
