import { StageError } from '../core/errors.js';
import type { ContainerSpec } from '../engine/container-engine.js';
import { FUNCTION_PIDS, FUNCTION_UID, TMP } from '../platform/sandbox-layout.js';
import { packTree } from '../tree/pack-tree.js';
import type { Tree } from '../tree/tree.js';
import type { TreeEntry } from '../tree/tree-entry.js';
import { fillVolumes, openTmp } from './filled-volumes.js';
import { readOutputLines } from './program-output.js';
import { emulatedLimit } from './foreign-image.js';
import { loaderForShell } from './foreign-shell.js';
import type { RunContext } from './run-context.js';
import { programFailure, runProgram } from './run-program.js';

/** A program that runs on a layer and produces a folder. */
export interface LayerProgram {
  /** For messages: `composer install`. */
  readonly what: string;
  /** Read-only trees, by the paths at which they are mounted. */
  readonly trees: Readonly<Record<string, Iterable<TreeEntry>>>;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The working directory, a writable folder below `/tmp`, and its initial content. */
  readonly work: { readonly path: string; readonly tree: Iterable<TreeEntry> };
  /** The folder that is returned when the program has ended. */
  readonly result: string;
  readonly hasNetwork: boolean;
  /** Whether the program needs a shell. It then runs in `shellImage`, since the runtime image may not have one. */
  readonly needsShell?: boolean;
  /** The hint of the error if it fails. */
  readonly hint: string;
}

const MEMORY_BYTES = 2 * 1024 ** 3;
/** A program that takes longer hangs; an emulated one has more time. */
const LIMIT_MS = 15 * 60_000;
const SHOWN_LINES = 15;

/**
 * Runs a program on a layer in a container, not as root, and returns the folder that it produced. `onLine` receives its output.
 *
 * Throws StageError with the last lines if it fails or takes more than 15 minutes, LayerError for entries that must not
 * leave a container, and the engine's errors.
 */
export async function runLayerProgram(
  program: LayerProgram,
  { context, onLine }: { readonly context: RunContext; readonly onLine: (line: string) => void },
): Promise<Tree> {
  const { engine, labels, signal } = context;
  const { what, hint, work } = program;
  const shellImage = program.needsShell === true ? await context.shellImage() : undefined;
  const addLoader = shellImage === undefined ? undefined : await loaderForShell(shellImage, context);
  const spec: Omit<ContainerSpec, 'command' | 'env' | 'volumes' | 'volumesFrom'> = {
    image: shellImage ?? context.runtimeImage.id,
    workingDir: work.path,
    // Not root, which owns the code.
    user: `${FUNCTION_UID}:${FUNCTION_UID}`,
    labels,
    memoryBytes: MEMORY_BYTES,
    pids: FUNCTION_PIDS,
    readOnlyRoot: addLoader === undefined,
    tmpfs: {},
    hasNetwork: program.hasNetwork,
  };
  await using holder = await fillVolumes(engine, {
    // The working directory does not exist in the holder, which never runs.
    spec: { ...spec, workingDir: '/', hasNetwork: false },
    trees: program.trees,
    signal,
  });
  const lines = readOutputLines({ keep: SHOWN_LINES, onLine });
  return await runProgram(
    {
      engine,
      spec: {
        ...spec,
        command: program.command,
        env: program.env,
        volumes: [TMP],
        volumesFrom: holder.id,
      },
      fill: async (container) => {
        const folder: TreeEntry = {
          type: 'directory',
          path: work.path.slice(TMP.length + 1),
          mode: 0o755,
        };
        await addLoader?.(container);
        await openTmp(container, signal);
        await container.putArchive(TMP, packTree([folder], { owner: FUNCTION_UID }), signal);
        await container.putArchive(work.path, packTree(work.tree, { owner: FUNCTION_UID }), signal);
      },
      output: { stdout: lines.follow, stderr: lines.follow },
      limitMs: emulatedLimit(LIMIT_MS, context),
      signal,
    },
    async ({ end, takeFolder }) => {
      const failure = programFailure(end, spec);
      if (failure !== undefined)
        throw new StageError(`${what} failed: it ${failure}`, {
          details: { 'last lines': lines.last },
          hint,
        });
      const result = await takeFolder(program.result, { tmpDir: context.store.tmpDir });
      if (result === undefined) throw new StageError(`${what} did not create ${program.result}`, { hint });
      return result;
    },
  );
}
