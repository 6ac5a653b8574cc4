import { isDeepStrictEqual, stripVTControlCharacters } from 'node:util';
import { SmokeError } from '../core/errors.js';
import { inParallel } from '../core/in-parallel.js';
import { MODE_VARIABLE, type LayerMode } from '../core/layer-mode.js';
import { fileEntry, type TreeEntry } from '../tree/tree-entry.js';
import { readFile } from 'node:fs/promises';
import type { Container, ContainerEngine, ContainerSpec } from '../engine/container-engine.js';
import {
  FUNCTION_PIDS,
  FUNCTION_USER,
  HELPER_FOLDER,
  OPT,
  RELAY_PATH,
  TASK_ROOT,
  TMP,
} from '../platform/sandbox-layout.js';
import { fillVolumes, relayEntry } from '../sandbox/filled-volumes.js';
import { readOutputText } from '../sandbox/program-output.js';
import { programFailure, runProgram } from '../sandbox/run-program.js';
import type { SmokeInvocation, SmokeProgram, SmokeSpec } from '../recipe/recipe.js';

/** The parts of an invocation's outcome that smoke tests check. */
export interface Answer {
  readonly payload: Buffer;
  /** Undefined if the function succeeded. */
  readonly error: { readonly errorType: string; readonly errorMessage: string } | undefined;
  /** The end of the invocation's log. */
  readonly logTail: Buffer;
}

/** A function behind the Runtime API emulator. `invoke` rejects only if the engine fails. */
export interface FunctionUnderTest extends AsyncDisposable {
  invoke(request: { readonly event: Uint8Array }): Promise<Answer>;
}

/** The layer under test, its smoke tests, and how to run them. */
export interface SmokeOptions {
  readonly engine: ContainerEngine;
  /** The runtime image's id. */
  readonly image: string;
  /** The content of the zip. */
  readonly layer: readonly TreeEntry[];
  readonly spec: SmokeSpec;
  /** The files of the smoke tests, by their path below `/var/task`. */
  readonly files: ReadonlyMap<string, string>;
  /** In which mode the layer runs functions that set none. */
  readonly mode: LayerMode;
  /** The values for `${…}` in expected texts: `version`, `openssl.version`. */
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
  /** How long a program may take, in milliseconds. */
  readonly programLimitMs: number;
  /** How many containers run at once. */
  readonly parallel: number;
  readonly onPassed: (name: string) => void;
  readonly signal: AbortSignal;
}

/** The number of smoke tests that passed. */
export interface SmokeReport {
  readonly programs: number;
  readonly invocations: number;
}

const MEMORY_BYTES = 1024 ** 3;
const TMP_BYTES = 512 * 1024 ** 2;

/**
 * Runs the smoke tests of a layer under the conditions of Lambda: the runtime image, no network, a read-only root with the
 * layer at `/opt`, a writable `/tmp`. Throws SmokeError with every failed test.
 */
export async function runSmokeTests(options: SmokeOptions): Promise<SmokeReport> {
  const { engine, spec, signal } = options;
  const common = {
    image: options.image,
    workingDir: TASK_ROOT,
    user: FUNCTION_USER,
    labels: options.labels,
    memoryBytes: MEMORY_BYTES,
    pids: FUNCTION_PIDS,
    readOnlyRoot: true,
    tmpfs: { [TMP]: TMP_BYTES },
  };
  await using holder = await fillVolumes(engine, {
    spec: common,
    trees: {
      [OPT]: options.layer,
      [TASK_ROOT]: await treeOf(options.files),
      [HELPER_FOLDER]: [relayEntry(options.relay)],
    },
    signal,
  });

  const specOf: SpecOf = ({ command, env }) => ({
    ...common,
    command,
    env,
    volumes: [],
    volumesFrom: holder.id,
  });
  const failures: string[] = [];
  const attempt = async (name: string, test: () => Promise<string | undefined>): Promise<void> => {
    const failure = await test();
    if (failure === undefined) options.onPassed(name);
    else failures.push(`${name}: ${failure}`);
  };
  const tests = [
    ...spec.programs.map(
      (program) => () => attempt(program.name, () => runProgramTest(program, specOf, options)),
    ),
    ...spec.invocations.map((one) => () => attempt(one.name, () => runInvocation(one, specOf, options))),
  ];
  await inParallel(tests, { parallel: options.parallel });
  if (failures.length > 0) {
    throw new SmokeError(`${failures.length} of ${tests.length} smoke tests failed`, {
      details: { failed: failures },
      hint: 'Fix the layer, or the tests under `smoke` in its package.yaml. The layer was not written to the output folder.',
    });
  }
  const invocations = spec.invocations.reduce((sum, { times }) => sum + times, 0);
  return { programs: spec.programs.length, invocations };
}

type SpecOf = (program: Pick<ContainerSpec, 'command' | 'env'>) => ContainerSpec;

/** Runs a program test. Returns the failure, or undefined if the test passed. */
async function runProgramTest(
  program: SmokeProgram,
  specOf: SpecOf,
  options: SmokeOptions,
): Promise<string | undefined> {
  const spec = specOf({ command: program.run, env: options.runtime.environment('none') });
  const [stdout, stderr] = [readOutputText(MAX_OUTPUT), readOutputText(MAX_OUTPUT)];
  return runProgram(
    {
      engine: options.engine,
      spec,
      output: { stdout: stdout.follow, stderr: stderr.follow },
      limitMs: options.programLimitMs,
      signal: options.signal,
    },
    ({ end }) => {
      const command = `\`${program.run.join(' ')}\``;
      const printed = lastLines(`${stdout.text()}\n${stderr.text()}`);
      const failure = programFailure(end, spec);
      if (failure !== undefined) return `${command} ${failure}: ${printed}`;
      const missing = program.stdout
        .map((text) => filled(text, options))
        .find((text) => !stdout.text().includes(text));
      return missing === undefined
        ? undefined
        : `${command} did not print ${JSON.stringify(missing)}: ${printed}`;
    },
  );
}

async function runInvocation(
  test: SmokeInvocation,
  specOf: SpecOf,
  options: SmokeOptions,
): Promise<string | undefined> {
  const { runtime, signal } = options;
  const mode = test.mode === options.mode ? {} : { [MODE_VARIABLE]: test.mode };
  const env = { ...runtime.environment(test.handler), ...mode };
  const spec = specOf({ command: runtime.command(RELAY_PATH), env });
  await using container = await options.engine.createContainer(spec, signal);
  await using running = await runtime.start(container, signal);
  const event = Buffer.from(JSON.stringify(test.event));
  for (let count = 1; count <= test.times; count++) {
    const answer = await running.invoke({ event });
    const failure = compare(answer, test, options);
    if (failure !== undefined) return `invocation ${count} of ${test.times}: ${failure}`;
  }
  return undefined;
}

function compare(answer: Answer, { expected }: SmokeInvocation, options: SmokeOptions): string | undefined {
  const { payload, error } = answer;
  if (expected.kind === 'error') {
    if (error === undefined) return `answered ${quoted(payload)} instead of an error`;
    const { errorType, errorMessage } = error;
    if (errorType === expected.errorType && errorMessage === expected.errorMessage) return undefined;
    return `${describeError(error, answer)}, instead of ${expected.errorType}: ${expected.errorMessage}`;
  }
  if (error !== undefined) return describeError(error, answer);
  if (expected.kind === 'json') {
    if (isDeepStrictEqual(jsonOf(payload), expected.value)) return undefined;
    return `answered ${quoted(payload)} instead of ${JSON.stringify(expected.value)}`;
  }
  const body = filled(expected.body, options);
  return payload.equals(Buffer.from(body))
    ? undefined
    : `answered ${quoted(payload)} instead of ${JSON.stringify(body)}`;
}

/** Describes an error and the end of the function's log, without the lines that Lambda adds. */
function describeError(
  error: { readonly errorType: string; readonly errorMessage: string },
  answer: Answer,
): string {
  const message = error.errorMessage.replace(/^RequestId: \S+ Error: /, '');
  const log = answer.logTail
    .toString('utf8')
    .replace(/^(?:(?:START|END|REPORT) RequestId: |INIT_REPORT |RequestId: |Runtime\.\w+$).*\n/gm, '');
  return `error ${error.errorType}: ${message}: ${lastLines(log)}`;
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

function lastLines(text: string): string {
  const lines = stripVTControlCharacters(text)
    .split('\n')
    .filter((line) => line.trim() !== '');
  return lines.slice(-5).join(' | ').slice(-1000) || '(it printed nothing)';
}
