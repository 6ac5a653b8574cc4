import { sha256 } from '../../../src/core/digest.js';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SmokeError } from '../../../src/core/errors.js';
import { printError } from '../../../src/cli/error-printer.js';
import type { Io } from '../../../src/cli/io.js';
import { run } from '../../../src/cli/run.js';
import type { Container, ContainerEngine } from '../../../src/engine/container-engine.js';
import { runSmokeTests, type Answer } from '../../../src/smoke/smoke-tests.js';
import { checkLock } from '../../../src/toolchain/lock-file.js';
import { fileEntry } from '../../../src/tree/tree-entry.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { failure } from '../../support/failure.js';
import { fakeIo, PACKAGE_ROOT } from '../../support/fake-io.js';
import { PLATFORM } from '../../support/platform.js';
import { recipeFiles } from '../../support/recipe-files.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { startServer } from '../source/source-support.js';

// A dozen messages as a user reads them, whole. Other tests assert codes, fields and one token of a message: a wording changes
// here alone (`npx vitest run test/unit/cli/golden-messages.test.ts -u` writes the files anew).

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder();
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/** Runs a command line in the folder, and returns all that a user sees, with this machine's paths named. */
async function seen(argv: readonly string[], changes: Partial<Io> = {}): Promise<string> {
  const io = fakeIo(folder.path, changes);
  const exitCode = await run(argv, io);
  return normalized(
    `$ layersmith ${argv.join(' ')}\n${io.stdout()}--- stderr, exit code ${exitCode} ---\n${io.stderr()}`,
  );
}

function normalized(text: string): string {
  return text
    .replaceAll(folder.path, 'FOLDER')
    .replaceAll(PACKAGE_ROOT, 'LAYERSMITH')
    .replaceAll(/ [0-9a-f]{16} /g, ' KEY ');
}

function printed(error: unknown): string {
  let text = '';
  printError(error, { print: (part) => (text += part) });
  return normalized(text);
}

/** A recipe folder with one library whose source has this URL. */
async function recipeWith(url: string): Promise<string> {
  const files = recipeFiles({ 'thing/1': [] });
  const line = (files['thing/1.yaml'] ?? '').replace(/urls: .*/, `urls: ['${url}']`);
  await folder.write(
    Object.fromEntries(
      Object.entries({ ...files, 'thing/1.yaml': line }).map(([name, text]) => [`mine/${name}`, text]),
    ),
  );
  return 'mine';
}

const FILE = (name: string): string => join(PACKAGE_ROOT, 'test/fixtures/golden', `${name}.txt`);

test.each<[string, readonly string[]]>([
  ['unknown-command', ['biuld', 'php/8.4']],
  ['unknown-recipe', ['build', 'php/9.5']],
  ['missing-engine', ['build', 'lua', '--toolchain', 'debian']],
  ['help', ['--help']],
  ['plan', ['plan', 'lua', '--toolchain', 'debian', '--store', 'store']],
])('%s', async (name, argv) => {
  await expect(await seen(argv)).toMatchFileSnapshot(FILE(name));
});

test('recipe with two problems', async () => {
  const files = recipeFiles({ 'app/1': ['lib', 'nothing'], 'lib/1': [] });
  const broken = { ...files, 'lib/1.yaml': `${files['lib/1.yaml'] ?? ''}extra: 1\n` };
  await folder.write(Object.fromEntries(Object.entries(broken).map(([name, text]) => [`two/${name}`, text])));
  await expect(await seen(['plan', 'app/1', '--recipes', 'two'])).toMatchFileSnapshot(
    FILE('recipe-problems'),
  );
});

test('failed download', async () => {
  await using server = await startServer((_request, response) => response.writeHead(404).end());
  const recipes = await recipeWith(`${server.origin}/thing.tar.gz`);
  // The archive of Debian is asked too: it is this server, which has nothing.
  const env = { LAYERSMITH_DEBIAN_MIRROR: server.origin };
  const text = await seen(['fetch', 'thing', '--recipes', recipes, '--store', 'store'], { env });
  // Why it has nothing is partly apt's wording.
  const named = text
    .replaceAll(server.origin, 'http://SERVER')
    .replace(/(Debian's archive): .*/, '$1: REASON');
  await expect(named).toMatchFileSnapshot(FILE('failed-download'));
});

test('audit refusal', async () => {
  await writeZip(join(folder.path, 'layer.zip'), [
    fileEntry('bootstrap', '#!/bin/sh\n', 0o644),
    { type: 'symlink', path: 'users', target: '/etc/passwd' },
  ]);
  await expect(await seen(['audit', 'layer.zip'])).toMatchFileSnapshot(FILE('audit-refusal'));
});

test('untested layer at publish', async () => {
  await writeZip(join(folder.path, 'untested.zip'), [fileEntry('bootstrap', '#!/bin/sh\n', 0o755)]);
  const text = await seen(['publish', 'untested.zip', '--name', 'x', '--region', 'eu-west-1']);
  await expect(text).toMatchFileSnapshot(FILE('untested-layer'));
});

test('lock differs', async () => {
  const path = 'pool/main/g/gcc-12/gcc-12_12.2.0-14_amd64.deb';
  const toolchain = { digest: 'sha256:1', files: [{ path, sha256: sha256('gcc') }], packages: [] };
  const runtime = { digest: 'sha256:2', files: [], packages: [] };
  const error: unknown = await checkLock(
    {
      lock: new Map([
        ['debian-toolchain x86_64', toolchain],
        ['debian-runtime x86_64', runtime],
      ]),
      path: '/project/layersmith.lock',
    },
    {
      platform: PLATFORM,
      machine: 'x86_64',
      toolchain: {
        ...{ kind: 'debian', reason: 'asked for' },
        buildImage: { id: 'a', digest: 'sha256:3' },
        runtimeImage: { id: 'b', digest: 'sha256:2' },
      },
      packagesOf: () => Promise.resolve([{ name: 'gcc-12', version: '12.2.0-15' }]),
      locked: true,
    },
  ).catch((reason: unknown) => reason);
  await expect(printed(error)).toMatchFileSnapshot(FILE('lock-differs'));
});

test('wrong sha256', async () => {
  await using server = await startServer((_request, response) => response.end('other bytes'));
  const recipes = await recipeWith(`${server.origin}/thing.tar.gz`);
  const text = await seen(['fetch', 'thing', '--recipes', recipes, '--store', 'store']);
  await expect(text.replaceAll(server.origin, 'http://SERVER')).toMatchFileSnapshot(FILE('wrong-sha256'));
});

/** An engine whose containers print this on stderr and end with this status. */
function engineOf(ending: { readonly stderr: string; readonly exitCode: number }): ContainerEngine {
  const done = (): Promise<void> => Promise.resolve();
  const container: Container = {
    id: 'fake',
    putArchive: async (_path, archive) => {
      await buffer(archive);
    },
    getArchive: () => Promise.reject(new Error('smoke tests read no files')),
    attach: () =>
      Promise.resolve({
        stdin: new PassThrough(),
        stdout: Readable.from([]),
        stderr: Readable.from([Buffer.from(ending.stderr)]),
      }),
    start: done,
    wait: () => Promise.resolve({ exitCode: ending.exitCode, outOfMemory: false }),
    kill: done,
    [Symbol.asyncDispose]: done,
  };
  return { createContainer: () => Promise.resolve(container) } as unknown as ContainerEngine;
}

/** What a function answers, or the error of its runtime. */
function answer(payload: string, exit?: { readonly reason: string; readonly log: string }): Answer {
  const errorMessage = `RequestId: 1 Error: Runtime exited with error: ${exit?.reason ?? ''}`;
  return {
    payload: Buffer.from(payload),
    error: exit && { errorType: 'Runtime.ExitError', errorMessage },
    logTail: Buffer.from(`START RequestId: 1 Version: $LATEST\n${exit?.log ?? ''}\nEND RequestId: 1\n`),
  };
}

test('failed smoke tests', async () => {
  const answers = [
    answer('"Hello"'),
    answer('"Hello?"'),
    answer('', { reason: 'exit status 3', log: 'lua: module cjson not found' }),
  ];
  const hello = {
    handler: 'hello',
    mode: 'function',
    event: {},
    times: 1,
    expected: { kind: 'json', value: 'Hello' },
  } as const;
  const failed = runSmokeTests({
    ...{ image: 'sha256:1', layer: [], files: new Map(), values: {}, relay: new Uint8Array(), labels: {} },
    engine: engineOf({ stderr: 'lua: cannot load libz.so.1\n', exitCode: 127 }),
    mode: 'function',
    spec: {
      programs: [{ name: 'it runs', run: ['/opt/bin/lua', '-v'], stdout: [] }],
      invocations: [
        { ...hello, name: 'hello' },
        { ...hello, name: 'question' },
        { ...hello, name: 'json', times: 500 },
      ],
    },
    runtime: {
      command: () => [],
      environment: () => ({}),
      start: () =>
        Promise.resolve({
          invoke: () => Promise.resolve(answers.shift() ?? answer('')),
          [Symbol.asyncDispose]: () => Promise.resolve(),
        }),
    },
    programLimitMs: 60_000,
    // One after the other: they take the answers in turn.
    parallel: 1,
    onPassed: () => undefined,
    signal: new AbortController().signal,
  });
  await expect(printed(await failure(failed, SmokeError))).toMatchFileSnapshot(FILE('failed-smoke-tests'));
});
