import { isDeepStrictEqual, stripVTControlCharacters } from 'node:util';
import { EngineError, LayersmithError, SmokeError } from '../core/errors.js';
import { fileEntry, packTree, type TreeEntry } from '../core/tar.js';
import { StringDecoder } from 'node:string_decoder';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Container, ContainerEngine, ContainerSpec } from '../engine/container-engine.js';
import type { SmokeInvocation, SmokeProgram, SmokeSpec } from '../recipe/recipe.js';

/** What a function answered, as far as smoke tests look at it. */
export type Answer =
  | { readonly kind: 'response'; readonly body: Buffer }
  | { readonly kind: 'error'; readonly error: { readonly errorType: string; readonly errorMessage: string } };

/** A function behind the Runtime API emulator. */
export interface FunctionUnderTest extends AsyncDisposable {
  invoke(event: string): Promise<Answer>;
  readonly logTail: readonly string[];
}

export interface SmokeOptions {
  readonly engine: ContainerEngine;
  /** The runtime image's id. */
  readonly image: string;
  /** The zip's own content. */
  readonly layer: readonly TreeEntry[];
  readonly spec: SmokeSpec;
  /** The package's `smoke/` files, by their path below `/var/task`. */
  readonly files: ReadonlyMap<string, string>;
  /** What `${…}` in expected texts stands for: `version`, `openssl.version`. */
  readonly values: Readonly<Record<string, string>>;
  /** The relay program's bytes. */
  readonly relay: Uint8Array;
  /** The command and environment of a function's container, and how to start the function in it. */
  readonly runtime: {
    readonly command: (relayPath: string) => readonly string[];
    readonly environment: (handler: string) => Readonly<Record<string, string>>;
    readonly start: (container: Container, signal: AbortSignal) => Promise<FunctionUnderTest>;
  };
  readonly labels: Readonly<Record<string, string>>;
  /** How many containers run at once. */
  readonly parallel: number;
  readonly onPassed: (name: string) => void;
  readonly signal: AbortSignal;
}

export interface SmokeReport {
  readonly programs: number;
  readonly invocations: number;
}

const TASK_ROOT = '/var/task';
const RELAY_FOLDER = '/var/layersmith';
/** Lambda's user has a number like these; what matters is that it is not root. */
const USER = '993:990';
const MEMORY_BYTES = 1024 ** 3;
const TMP_BYTES = 512 * 1024 ** 2;
const PIDS = 1024;
/** A program that takes longer hangs. */
const PROGRAM_LIMIT_MS = 60_000;

/**
 * Runs the smoke tests of a layer where it will live: the runtime image, no network, a read-only root with
 * the layer at `/opt`, a writable `/tmp`. Throws SmokeError with every test that failed.
 */
export async function runSmokeTests(options: SmokeOptions): Promise<SmokeReport> {
  const { engine, spec, signal } = options;
  const common = {
    image: options.image,
    workingDir: TASK_ROOT,
    user: USER,
    labels: options.labels,
    memoryBytes: MEMORY_BYTES,
    pids: PIDS,
    readOnlyRoot: true,
    tmpfs: { '/tmp': TMP_BYTES },
  };
  // Never started: it holds the volumes that the test containers mount read-only.
  await using holder = await engine.createContainer(
    { ...common, command: ['/nothing'], env: {}, volumes: ['/opt', TASK_ROOT, RELAY_FOLDER] },
    signal,
  );
  await holder.putArchive('/opt', packTree(options.layer, { owner: 0 }), signal);
  await holder.putArchive(TASK_ROOT, packTree(await treeOf(options.files), { owner: 0 }), signal);
  await holder.putArchive(
    RELAY_FOLDER,
    packTree([fileEntry('relay', options.relay, 0o755)], { owner: 0 }),
    signal,
  );

  const create = (spec: Pick<ContainerSpec, 'command' | 'env'>): Promise<Container> =>
    engine.createContainer({ ...common, ...spec, volumes: [], volumesFrom: holder.id }, signal);
  const failures: string[] = [];
  const attempt = async (name: string, test: () => Promise<string | undefined>): Promise<void> => {
    const failure = await test();
    if (failure === undefined) options.onPassed(name);
    else failures.push(`${name}: ${failure}`);
  };
  const tests = [
    ...spec.programs.map(
      (program) => () => attempt(program.name, () => runProgram(program, create, options)),
    ),
    ...spec.invocations.map((one) => () => attempt(one.name, () => runInvocation(one, create, options))),
  ];
  await inParallel(tests, options.parallel);
  if (failures.length > 0) {
    throw new SmokeError(`${failures.length} of ${tests.length} smoke tests failed`, {
      details: { failed: failures },
      hint: 'The layer was not put into the output folder. The tests are in `smoke` of the package.yaml.',
    });
  }
  const invocations = spec.invocations.reduce((sum, { times }) => sum + times, 0);
  return { programs: spec.programs.length, invocations };
}

type Create = (spec: Pick<ContainerSpec, 'command' | 'env'>) => Promise<Container>;

/** Undefined when it passed, else what was wrong. */
async function runProgram(
  program: SmokeProgram,
  create: Create,
  options: SmokeOptions,
): Promise<string | undefined> {
  const { signal } = options;
  const env = options.runtime.environment('none');
  let exitCode: number;
  await using container = await create({ command: program.run, env });
  const attachment = await container.attach(signal);
  attachment.stdin.end();
  const reading = Promise.all([textOf(attachment.stdout), textOf(attachment.stderr)]);
  reading.catch(() => undefined);
  try {
    await container.start(signal);
  } catch (error) {
    if (!isMissingProgram(error)) throw error;
    return `\`${program.run.join(' ')}\` cannot be started: ${error.message}`;
  }
  const limit = AbortSignal.timeout(PROGRAM_LIMIT_MS);
  try {
    exitCode = (await container.wait(AbortSignal.any([signal, limit]))).exitCode;
  } catch (error) {
    if (!limit.aborted || signal.aborted) throw error;
    return `\`${program.run.join(' ')}\` did not end within ${PROGRAM_LIMIT_MS / 1000} s`;
  }
  const [stdout, stderr] = await reading;
  const said = lastLines(`${stdout}\n${stderr}`);
  if (exitCode !== 0) return `\`${program.run.join(' ')}\` ended with status ${exitCode}: ${said}`;
  const missing = program.stdout.map((text) => filled(text, options)).find((text) => !stdout.includes(text));
  return missing === undefined
    ? undefined
    : `\`${program.run.join(' ')}\` did not print ${JSON.stringify(missing)}: ${said}`;
}

async function runInvocation(
  test: SmokeInvocation,
  create: Create,
  options: SmokeOptions,
): Promise<string | undefined> {
  const { runtime, signal } = options;
  const command = runtime.command(`${RELAY_FOLDER}/relay`);
  await using container = await create({ command, env: runtime.environment(test.handler) });
  try {
    await using running = await runtime.start(container, signal);
    return await invokeAll(running, test, options);
  } catch (error) {
    if (!isMissingProgram(error)) throw error;
    return `the bootstrap cannot be started: ${error.message}`;
  }
}

/** The engine is well: it is the layer that lacks what was to be run, or something that this needs. */
function isMissingProgram(error: unknown): error is EngineError {
  return (
    error instanceof EngineError &&
    error.statusCode !== undefined &&
    /no such file|not found|permission denied|exec format/i.test(error.message)
  );
}

async function invokeAll(
  running: FunctionUnderTest,
  test: SmokeInvocation,
  options: SmokeOptions,
): Promise<string | undefined> {
  try {
    for (let count = 1; count <= test.times; count++) {
      const answer = await running.invoke(JSON.stringify(test.event));
      const failure = compare(answer, test, options);
      if (failure !== undefined) return `invocation ${count} of ${test.times}: ${failure}`;
    }
    return undefined;
  } catch (error) {
    // The layer's failure is a finding like any other; the engine's is not.
    if (!(error instanceof LayersmithError) || error.code === 'engine') throw error;
    return `${error.message}: ${lastLines(running.logTail.join('\n'))}`;
  }
}

function compare(answer: Answer, { expected }: SmokeInvocation, options: SmokeOptions): string | undefined {
  if (expected.kind === 'error') {
    if (answer.kind === 'response') return `answered ${quoted(answer.body)} instead of an error`;
    const { errorType, errorMessage } = answer.error;
    if (errorType === expected.errorType && errorMessage === expected.errorMessage) return undefined;
    return `error ${errorType}: ${errorMessage} instead of ${expected.errorType}: ${expected.errorMessage}`;
  }
  if (answer.kind === 'error') return `error ${answer.error.errorType}: ${answer.error.errorMessage}`;
  if (expected.kind === 'json') {
    if (isDeepStrictEqual(jsonOf(answer.body), expected.value)) return undefined;
    return `answered ${quoted(answer.body)} instead of ${JSON.stringify(expected.value)}`;
  }
  const body = filled(expected.body, options);
  return answer.body.equals(Buffer.from(body))
    ? undefined
    : `answered ${quoted(answer.body)} instead of ${JSON.stringify(body)}`;
}

function quoted(body: Buffer): string {
  return JSON.stringify(body.toString('utf8').slice(0, 500));
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function filled(text: string, { values }: SmokeOptions): string {
  return text.replace(/\$\{([^}]+)\}/g, (whole, name: string) => values[name] ?? whole);
}

async function treeOf(files: ReadonlyMap<string, string>): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for (const [path, file] of files) entries.push(fileEntry(path, await readFile(file)));
  return entries;
}

const MAX_OUTPUT = 4 * 1024 ** 2;

async function textOf(stream: Readable): Promise<string> {
  const decoder = new StringDecoder('utf8');
  let text = '';
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (text.length < MAX_OUTPUT) text += decoder.write(chunk);
  }
  return text;
}

function lastLines(text: string): string {
  const lines = stripVTControlCharacters(text)
    .split('\n')
    .filter((line) => line.trim() !== '');
  return lines.slice(-5).join(' | ').slice(-1000) || '(it printed nothing)';
}

async function inParallel(tasks: readonly (() => Promise<void>)[], parallel: number): Promise<void> {
  const queue = [...tasks];
  const worker = async (): Promise<void> => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) await task();
  };
  const workers = Array.from({ length: Math.max(1, parallel) }, async () => {
    try {
      await worker();
    } catch (error) {
      queue.length = 0;
      throw error;
    }
  });
  for (const result of await Promise.allSettled(workers)) {
    if (result.status === 'rejected') throw result.reason;
  }
}
