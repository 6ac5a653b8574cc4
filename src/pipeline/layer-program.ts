import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { EngineError, StageError } from '../core/errors.js';
import { packTree } from '../tree/pack-tree.js';
import { type TreeEntry } from '../tree/tree-entry.js';
import { fillVolumes, openTmp } from '../sandbox/filled-volumes.js';
import { createLineReader } from '../lambda/log-lines.js';
import { normalizeTree } from '../tree/normalize-tree.js';
import type { Tree } from '../tree/tree.js';
import type { BuildContext } from './build/build-context.js';

/** A program that runs on a layer, for what it writes. */
export interface LayerProgram {
  /** For messages: `composer install`. */
  readonly what: string;
  /** Read-only, by the paths where they lie. */
  readonly trees: Readonly<Record<string, Iterable<TreeEntry>>>;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A folder below `/tmp`, where the program runs and may write, and what is in it before. */
  readonly work: { readonly path: string; readonly tree: Iterable<TreeEntry> };
  /** What is taken out when it has ended: a folder in there. */
  readonly result: string;
  readonly hasNetwork: boolean;
  /** Runs other programs, by a shell: the runtime image may have none, so it gets that of the toolchain. */
  readonly needsShell?: boolean;
  /** What to do when it fails. */
  readonly hint: string;
}

/** Neither root nor who owns the code. */
const USER = 993;
const MEMORY_BYTES = 2 * 1024 ** 3;
const PIDS = 1024;
/** A program that takes longer hangs. */
const LIMIT_MS = 15 * 60_000;
const SHOWN_LINES = 15;

/**
 * Runs a program in a container of the runtime image or the toolchain's, with a read-only root, and gives what it left.
 * What it prints is shown as it comes.
 *
 * Throws StageError with its last lines when it fails or takes more than 15 minutes, LayerError for what must not come out
 * of a container, and the engine's errors.
 */
export async function runLayerProgram(
  program: LayerProgram,
  { context, onLine }: { context: BuildContext; onLine: (line: string) => void },
): Promise<Tree> {
  const { engine, labels, signal, toolchain } = context;
  const spec = {
    ...{
      image: (program.needsShell === true ? toolchain.toolchain : toolchain.runtime).id,
      workingDir: program.work.path,
      user: `${USER}:${USER}`,
      labels,
    },
    ...{ memoryBytes: MEMORY_BYTES, pids: PIDS, readOnlyRoot: true, tmpfs: {} },
  };
  await using holder = await fillVolumes(engine, {
    // Its folder for work is not there yet, and it never runs.
    spec: { ...spec, workingDir: '/' },
    trees: program.trees,
    signal,
  });
  const { command, env, hasNetwork } = program;
  await using container = await engine.createContainer(
    { ...spec, command, env, volumes: ['/tmp'], volumesFrom: holder.id, hasNetwork },
    signal,
  );
  const work: TreeEntry = { type: 'directory', path: program.work.path.slice('/tmp/'.length), mode: 0o755 };
  await openTmp(container, signal);
  await container.putArchive('/tmp', packTree([work], { owner: USER }), signal);
  await container.putArchive(program.work.path, packTree(program.work.tree, { owner: USER }), signal);
  const attachment = await container.attach(signal);
  attachment.stdin.end();
  const lastLines: string[] = [];
  const keep = (line: string): void => {
    onLine(line);
    lastLines.push(line);
    if (lastLines.length > SHOWN_LINES) lastLines.shift();
  };
  const reading = Promise.all([follow(attachment.stdout, keep), follow(attachment.stderr, keep)]);
  reading.catch(() => undefined);
  await container.start(signal);
  const limit = AbortSignal.timeout(LIMIT_MS);
  const ended = await container.wait(AbortSignal.any([signal, limit])).catch((error: unknown) => {
    if (!limit.aborted || signal.aborted) throw error;
    throw new StageError(`${program.what} did not end within ${LIMIT_MS / 60_000} minutes`, {
      hint: program.hint,
    });
  });
  await reading;
  if (ended.exitCode !== 0) {
    const reason = ended.outOfMemory
      ? `it used more than its ${MEMORY_BYTES / 1024 ** 2} MiB of memory`
      : `it ended with status ${ended.exitCode}`;
    throw new StageError(`${program.what} failed: ${reason}`, {
      details: { 'last lines': lastLines },
      hint: program.hint,
    });
  }
  const archive = await container.getArchive(program.result, signal).catch((cause: unknown) => {
    if (!(cause instanceof EngineError) || cause.statusCode !== 404) throw cause;
    throw new StageError(`${program.what} left no ${program.result}`, { hint: program.hint, cause });
  });
  return await normalizeTree(archive, { tmpDir: context.store.tmpDir, signal });
}

/** Reads a stream to its end, line by line, and shows and keeps those that are not empty. */
async function follow(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const lines = createLineReader((raw) => {
    const line = stripVTControlCharacters(raw).trimEnd();
    if (line.trim() !== '') onLine(line);
  });
  for await (const chunk of stream as AsyncIterable<Buffer>) lines.write(chunk);
  lines.flush();
}
