import { randomUUID } from 'node:crypto';
import { openScope, type DisposalScope } from '../core/disposal-scope.js';
import { LayersmithError, UsageError } from '../core/errors.js';
import type { TreeEntry } from '../tree/tree-entry.js';
import { fillVolumes, openTmp, relayEntry } from './filled-volumes.js';
import { functionEnvironment, INIT_TIMEOUT_MS, relayCommand } from '../lambda/function-environment.js';
import { relayProgram } from '../lambda/relay-program.js';
import { startSandbox, type Sandbox } from '../lambda/sandbox.js';
import { readCodeTree, unreadablePaths } from '../tree/code-tree.js';
import type { ScratchPlace } from '../tree/tree.js';
import { checkBootstrap, checkUnzippedSize, withFolders, mergeLayers } from '../tree/merge-layers.js';
import {
  FUNCTION_PIDS,
  FUNCTION_USER,
  HELPER_FOLDER,
  LOCAL_REGION,
  localFunctionArn,
  OPT,
  RELAY_PATH,
  TASK_ROOT,
  TMP,
} from '../platform/sandbox-layout.js';
import { emulatedLimit } from './foreign-image.js';
import type { RunContext } from './run-context.js';

/** A function with its layers, configured as on Lambda. */
export interface LocalFunction {
  /** Zips or folders, merged at `/opt` in order, as on Lambda: files of later ones replace those of earlier ones. */
  readonly layers: readonly string[];
  /** A folder or a zip, at `/var/task`. */
  readonly functionPath: string;
  readonly handler: string;
  /** The function's own variables. */
  readonly env: Readonly<Record<string, string>>;
  /** The container's memory limit, which the function also sees in its environment. */
  readonly memoryMb: number;
  /** How long one invocation may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Receives every line of the function's log, with START, END and REPORT. */
  readonly onLog: (line: string) => void;
  /** Called when the container or the engine fails. The sandbox cannot be used afterwards. */
  readonly onFailure?: (reason: Error) => void;
}

const FUNCTION_NAME = 'function';

/**
 * Puts a function and its layers into a container of the runtime image. The container has no network; its root and the
 * code are read-only; `/tmp` is on disk and keeps its content when the bootstrap is restarted. The bootstrap is not started
 * yet. Disposing of the sandbox removes the container.
 *
 * Throws UsageError for code that cannot be read and for variables that Lambda reserves, LayerError for layers that Lambda
 * would reject or that have no bootstrap, and the engine's errors.
 */
export async function openLocalFunction(fn: LocalFunction, context: RunContext): Promise<Sandbox> {
  const { engine, signal } = context;
  const env = environmentOf(fn);
  const spec = {
    image: context.runtimeImage.id,
    workingDir: TASK_ROOT,
    user: FUNCTION_USER,
    labels: context.labels,
    memoryBytes: fn.memoryMb * 1024 ** 2,
    pids: FUNCTION_PIDS,
    readOnlyRoot: true,
    tmpfs: {},
  };
  const containers = openScope();
  try {
    await using scope = openScope();
    const trees = await readTrees(fn, { scope, tmpDir: context.store.tmpDir, warn: context.reporter.warn });
    const relay = await relayProgram(context.platform);
    const holder = await fillVolumes(engine, {
      spec,
      trees: { ...trees, [HELPER_FOLDER]: [relayEntry(relay)] },
      signal,
    }).catch((error: unknown) => {
      throw error instanceof LayersmithError || signal.aborted ? error : changedMeanwhile(error);
    });
    containers.own(holder);
    const container = await engine.createContainer(
      // A volume instead of a memory file system, which would count towards the function's memory limit.
      {
        ...spec,
        command: relayCommand(RELAY_PATH),
        env,
        volumes: [TMP],
        volumesFrom: holder.id,
      },
      signal,
    );
    containers.own(container);
    await openTmp(container, signal);
    const sandbox = await startSandbox({
      container,
      functionArn: localFunctionArn(FUNCTION_NAME),
      memoryMb: fn.memoryMb,
      timeoutMs: fn.timeoutMs,
      initTimeoutMs: emulatedLimit(INIT_TIMEOUT_MS, context),
      now: context.now,
      newRequestId: randomUUID,
      onLog: fn.onLog,
      ...(fn.onFailure === undefined ? {} : { onFailure: fn.onFailure }),
      signal,
    });
    return {
      init: () => sandbox.init(),
      invoke: (request, sink) => sandbox.invoke(request, sink),
      [Symbol.asyncDispose]: async () => {
        try {
          await sandbox[Symbol.asyncDispose]();
        } finally {
          await containers[Symbol.asyncDispose]();
        }
      },
    };
  } catch (error) {
    await containers[Symbol.asyncDispose]();
    throw error;
  }
}

/** Returns the error for files that changed after they were listed: they are read only while they are sent to the engine. */
function changedMeanwhile(cause: unknown): UsageError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UsageError(`cannot read the code, or it changed while it was read: ${reason}`, {
    hint: 'Try again while no program writes to the folders of the function and its layers.',
    cause,
  });
}

function environmentOf(fn: LocalFunction): Readonly<Record<string, string>> {
  const { handler, memoryMb, env } = fn;
  const environment = functionEnvironment({
    handler,
    functionName: FUNCTION_NAME,
    memoryMb,
    region: LOCAL_REGION,
    env,
  });
  const reserved = Object.keys(env).filter((name) => environment[name] !== env[name]);
  if (reserved.length > 0) {
    throw new UsageError(`Lambda reserves the variable ${reserved.join(', ')}: a function cannot set it`, {
      hint: 'Choose another name for the variable.',
    });
  }
  return environment;
}

async function readTrees(
  fn: LocalFunction,
  {
    scope,
    tmpDir,
    warn,
  }: ScratchPlace & { readonly scope: DisposalScope; readonly warn: (line: string) => void },
): Promise<Readonly<Record<string, readonly TreeEntry[]>>> {
  const layers = [];
  for (const path of fn.layers)
    layers.push(scope.own(await readCodeTree(path, { what: 'layer', root: OPT, tmpDir, warn })));
  const code = scope.own(
    await readCodeTree(fn.functionPath, { what: 'function', root: TASK_ROOT, tmpDir, warn }),
  );
  const opt = mergeLayers(layers);
  const task = withFolders(code);
  checkBootstrap(opt);
  checkUnzippedSize(opt, task);
  for (const tree of [...layers, code]) {
    const [first, ...more] = unreadablePaths(tree.entries);
    if (first === undefined) continue;
    const others = more.length === 0 ? '' : ` and ${more.length} more`;
    warn(
      `${tree.path}: the function cannot read ${first}${others}: Lambda requires files to be world-readable`,
    );
  }
  return { [OPT]: opt, [TASK_ROOT]: task };
}
