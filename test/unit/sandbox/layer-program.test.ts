import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { EngineError, StageError } from '../../../src/core/errors.js';
import type { Container, ContainerEngine, ContainerSpec } from '../../../src/engine/container-engine.js';
import type { Architecture } from '../../../src/platform/platform.js';
import { runLayerProgram } from '../../../src/sandbox/layer-program.js';
import type { RunContext } from '../../../src/sandbox/run-context.js';
import { failure } from '../../support/failure.js';
import { PLATFORM } from '../../support/platform.js';

interface Ran {
  /** The spec of the program's container. */
  readonly spec: ContainerSpec;
  /** What was copied out of the runtime image into the program's container. */
  readonly copied: readonly string[];
}

/** Runs a program on a layer; the engine and its image with a shell are for `machine`, unless the image has every loader. */
async function run(
  architecture: Architecture,
  {
    needsShell = true,
    machine = 'x86_64',
    hasLoader = false,
  }: { readonly needsShell?: boolean; readonly machine?: Architecture; readonly hasLoader?: boolean } = {},
): Promise<Ran> {
  const copied: string[] = [];
  const specs: ContainerSpec[] = [];
  const done = (): Promise<void> => Promise.resolve();
  const containerOf = (spec: ContainerSpec): Container => ({
    id: 'fake',
    putArchive: async (path, archive) => {
      const content = await text(archive);
      if (content.startsWith('from ')) copied.push(`${content} to ${spec.image} ${path}`);
    },
    getArchive: (path) =>
      spec.image === 'runtime' || hasLoader
        ? Promise.resolve(Readable.from([`from ${spec.image} ${path}`]))
        : Promise.reject(new EngineError('no such file', { statusCode: 404 })),
    attach: () =>
      Promise.resolve({
        stdin: new PassThrough(),
        stdout: Readable.from([]),
        stderr: Readable.from([]),
      }),
    start: done,
    wait: () => Promise.resolve({ exitCode: 1, outOfMemory: false }),
    kill: done,
    [Symbol.asyncDispose]: done,
  });
  const context = {
    engine: {
      createContainer: (spec: ContainerSpec) => {
        specs.push(spec);
        return Promise.resolve(containerOf(spec));
      },
    } as unknown as ContainerEngine,
    ...{ machine, platform: { ...PLATFORM, architecture }, labels: {} },
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
  expect(error).toMatchObject({
    message: 'composer install failed: it ended with status 1',
    hint: 'See above.',
  });
  const spec = specs.find(({ command }) => command[0] === '/opt/bin/php');
  if (spec === undefined) throw new Error('the program was not run');
  return { spec, copied };
}

test('a program on a foreign layer that needs a shell gets the loader of the layer beside the one of the shell', async () => {
  const { spec, copied } = await run('arm64');
  expect(spec).toMatchObject({ image: 'shell', readOnlyRoot: false });
  expect(spec.user).toMatch(/^[1-9]\d*:[1-9]/);
  expect(copied).toEqual([
    'from runtime /usr/lib/aarch64-linux-gnu to shell /usr/lib',
    'from runtime /usr/lib/ld-linux-aarch64.so.1 to shell /usr/lib',
  ]);
  expect((await run('x86_64', { machine: 'arm64' })).copied).toEqual([
    'from runtime /usr/lib/x86_64-linux-gnu to shell /usr/lib',
    'from runtime /usr/lib64 to shell /usr',
  ]);
});

test.each([
  ["the layer is for the engine's machine", 'x86_64', { needsShell: true }, 'shell'],
  ['the image with a shell is for the layer', 'arm64', { hasLoader: true }, 'shell'],
  ['no shell is needed', 'arm64', { needsShell: false }, 'runtime'],
] as const)('nothing is added, and the root is read-only, where %s', async (_why, arch, options, image) => {
  const { spec, copied } = await run(arch, options);
  expect(spec).toMatchObject({ image, readOnlyRoot: true });
  expect(copied).toEqual([]);
});
