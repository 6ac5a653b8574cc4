import { expect, test } from 'vitest';
import { installMissing, type Host } from '../../../src/cli/install-missing.js';
import { EngineUnavailableError, UsageError } from '../../../src/core/errors.js';
import type { EmulatorState } from '../../../src/engine/emulator.js';
import { openDockerEngine } from '../../../src/engine/docker-engine.js';
import { parseEngineAddress } from '../../../src/engine/engine-address.js';
import { EngineNotFoundError } from '../../../src/engine/find-engine.js';
import type { Architecture } from '../../../src/platform/platform.js';
import { failure } from '../../support/failure.js';
import { answer, END, ScriptedEngine } from '../../support/scripted-engine.js';

interface Machine {
  readonly hasEngine?: boolean;
  /** What chose the engine that does not answer. */
  readonly configuredBy?: string;
  readonly isRoot?: boolean;
  readonly os?: string;
  /** The architecture of the layers; the engine's machine is x86_64. */
  readonly architecture?: Architecture;
  readonly emulator?: EmulatorState;
  readonly isRemote?: boolean;
}

/** Runs it on a machine, and returns what was announced and done, in order. */
async function fix(machine: Machine): Promise<{ readonly done: readonly string[]; readonly error: unknown }> {
  const { isRemote = false, architecture = 'x86_64' } = machine;
  await using scripted = await (isRemote ? ScriptedEngine.startTcp() : ScriptedEngine.start());
  scripted
    .on('GET /version', answer(200, '{"Version":"27.0","ApiVersion":"1.46","Arch":"amd64"}'), END)
    .on('GET /info', answer(200, '{"NCPU":1,"MemTotal":1,"Architecture":"x86_64"}'), END);
  const engine = await openDockerEngine(
    isRemote ? parseEngineAddress(`tcp://127.0.0.1:${scripted.port}`, { env: {} }) : scripted.address,
  );
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
    emulatorState: () => Promise.resolve(machine.emulator ?? 'registered'),
    installEmulator: (name) => {
      done.push(`emulator of ${name} installed`);
      return Promise.resolve();
    },
  };
  const fixing = installMissing(host, {
    architecture,
    report: (line) => done.push(line.split(/[:,]/)[0] ?? ''),
    signal: new AbortController().signal,
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

test('an engine is installed, and announced before', async () => {
  const { done } = await fix({ hasEngine: false });
  expect(done).toEqual(['no container engine answers', 'engine started']);
});

test.each(['not-installed', 'not-registered'] as const)(
  'qemu that is %s is installed for another architecture, and announced before',
  async (emulator) => {
    const { done } = await fix({ architecture: 'arm64', emulator });
    expect(done).toEqual(['qemu-user-static', 'emulator of arm64 installed']);
  },
);

test.each([
  ['it is registered', { architecture: 'arm64' }],
  ["the layers are for the engine's own machine", { emulator: 'not-installed' }],
  ['the engine is on another machine', { architecture: 'arm64', emulator: 'not-installed', isRemote: true }],
  ['the system has no apt', { architecture: 'arm64', emulator: 'not-installed', os: 'darwin' }],
] as const)('no qemu is installed where %s', async (_why, machine) => {
  expect(await fix(machine)).toEqual({ done: [], error: undefined });
});

test.each([
  ['an engine', { hasEngine: false }],
  ['qemu', { architecture: 'arm64', emulator: 'not-installed' }],
] as const)('only root can install %s', async (_what, machine) => {
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
