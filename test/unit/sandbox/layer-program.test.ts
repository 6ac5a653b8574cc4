import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { StageError } from '../../../src/core/errors.js';
import type { Container, ContainerEngine } from '../../../src/engine/container-engine.js';
import type { Architecture } from '../../../src/platform/platform.js';
import { runLayerProgram } from '../../../src/sandbox/layer-program.js';
import type { RunContext } from '../../../src/sandbox/run-context.js';
import { failure } from '../../support/failure.js';
import { PLATFORM } from '../../support/platform.js';

/** Returns the hint for a program that fails on a layer for an architecture; the engine runs on x86_64. */
async function hintFor(architecture: Architecture, needsShell: boolean): Promise<string | undefined> {
  const done = (): Promise<void> => Promise.resolve();
  const container: Container = {
    id: 'fake',
    putArchive: async (_path, archive) => {
      await buffer(archive);
    },
    getArchive: () => Promise.reject(new Error('nothing is read')),
    attach: () =>
      Promise.resolve({
        stdin: new PassThrough(),
        stdout: Readable.from([]),
        stderr: Readable.from([Buffer.from("Could not open '/lib/ld-linux-aarch64.so.1'\n")]),
      }),
    start: done,
    wait: () => Promise.resolve({ exitCode: 255, outOfMemory: false }),
    kill: done,
    [Symbol.asyncDispose]: done,
  };
  const context = {
    engine: { createContainer: () => Promise.resolve(container) } as unknown as ContainerEngine,
    ...{ machine: 'x86_64', platform: { ...PLATFORM, architecture }, labels: {} },
    runtimeImage: { id: 'runtime', digest: 'sha256:1' },
    shellImage: () => Promise.resolve('shell'),
    signal: new AbortController().signal,
  } as unknown as RunContext;
  const program = {
    what: 'composer install',
    ...{ trees: {}, command: ['/opt/bin/php'], env: {}, hasNetwork: false, needsShell },
    work: { path: '/tmp/project', tree: [] },
    result: '/tmp/project/vendor',
    hint: 'See above.',
  };
  const error = await failure(runLayerProgram(program, { context, onLine: () => undefined }), StageError);
  expect(error.message).toBe('composer install failed: it ended with status 255');
  return error.hint;
}

test('a program that needs a shell says that the image with one is not for the layer', async () => {
  expect(await hintFor('arm64', true)).toContain('Use a layer for x86_64, or an engine on arm64');
});

test.each([
  ['x86_64', true],
  ['arm64', false],
] as const)('other programs keep their hint: %s, needs a shell: %s', async (architecture, needsShell) => {
  expect(await hintFor(architecture, needsShell)).toBe('See above.');
});
