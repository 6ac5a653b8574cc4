import { expect, test } from 'vitest';
import { installMissing, type Host } from '../../../src/cli/install-missing.js';
import { EngineUnavailableError, UsageError } from '../../../src/core/errors.js';
import { openDockerEngine } from '../../../src/engine/docker-engine.js';
import { EngineNotFoundError } from '../../../src/engine/find-engine.js';
import { failure } from '../../support/failure.js';
import { ScriptedEngine } from '../../support/scripted-engine.js';

interface Machine {
  readonly hasEngine?: boolean;
  /** What chose the engine that does not answer. */
  readonly configuredBy?: string;
  readonly isRoot?: boolean;
  readonly os?: string;
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
  };
  const fixing = installMissing(host, { report: (line) => done.push(line.split(/[:,]/)[0] ?? '') });
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

test('only root can install an engine', async () => {
  const { done, error } = await fix({ isRoot: false, hasEngine: false });
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
