import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { EngineError, LayerError, StageError } from '../core/errors.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';
import { packTree } from '../tree/pack-tree.js';
import { fileEntry, type TreeEntry } from '../tree/tree-entry.js';
import { KEPT_LABEL } from '../engine/owned-containers.js';
import type { Attachment, Container, ContainerEngine } from '../engine/container-engine.js';
import type { Platform } from '../platform/platform.js';
import type { Recipe } from '../recipe/recipe.js';
import type { JobLease } from './job-pool.js';
import { normalizeTree } from '../tree/normalize-tree.js';
import { StageLog } from './stage-log.js';
import { VARIATION_LIBRARY, VARIED_BUILDER, VARIED_HOSTNAME, type Variation } from './variation.js';

export interface StageRun {
  readonly engine: ContainerEngine;
  readonly recipe: Recipe;
  readonly platform: Platform;
  /** The toolchain image's id. */
  readonly image: string;
  readonly protocolPath: string;
  /** The chosen archive of each source: its file name and where it lies. */
  readonly sources: ReadonlyMap<string, { readonly file: string; readonly path: string }>;
  /** Artifacts of everything below the stage, each a tar of what goes to `/opt`. */
  readonly needs: readonly { readonly path: string }[];
  readonly lease: JobLease;
  readonly labels: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  /** Undefined for a build under the usual conditions. */
  readonly variation: Variation | undefined;
  readonly logPath: string;
  readonly onLine: (line: string) => void;
  readonly keepContainer: boolean;
  /** Gets the id of a container that was kept. */
  readonly onKept: (containerId: string) => void;
  readonly signal: AbortSignal;
}

/** Not root, and no user that the toolchain image knows. */
const BUILDER = 1000;
/** Enough for `make` with many jobs, too few for a fork bomb to hurt. */
const PIDS = 4096;
/** Where the build protocol leaves what goes to `/opt`. */
const RESULT = '/build/out/opt';

/**
 * Compiles one package in a container of its own and writes what it installed below `/opt` as a normalised
 * tar to `output`. Throws StageError when the build script fails (with the command, its last lines and the
 * log's path), LayerError when what comes out is hostile, and the engine's and the disk's errors as they are.
 */
export async function runStage(run: StageRun, output: string): Promise<void> {
  const { engine, recipe, signal, variation } = run;
  const builder = variation === undefined ? BUILDER : VARIED_BUILDER;
  const container = await engine.createContainer(
    {
      image: run.image,
      command: ['/bin/bash', '/build/stage.sh'],
      env: stageEnvironment(run),
      workingDir: '/build',
      user: `${builder}:${builder}`,
      ...(variation === undefined ? {} : { hostname: VARIED_HOSTNAME }),
      labels: {
        ...run.labels,
        'io.layersmith.stage': recipe.name,
        ...(run.keepContainer ? { [KEPT_LABEL]: 'yes' } : {}),
      },
      memoryBytes: run.memoryBytes,
      pids: PIDS,
      readOnlyRoot: false,
      tmpfs: {},
      volumes: [],
    },
    signal,
  );
  let isKept = false;
  await using _removed = {
    [Symbol.asyncDispose]: async () => {
      if (!isKept) await container[Symbol.asyncDispose]();
    },
  };
  try {
    for (const need of run.needs) await container.putArchive('/opt', createReadStream(need.path), signal);
    await container.putArchive('/', packTree(await buildTree(run), { owner: builder }), signal);
    await compile(container, run);
    await takeOut(container, run, output);
  } catch (error) {
    // It is kept for the sake of its own failure: when the run was stopped there is nothing to look at.
    isKept = run.keepContainer && !signal.aborted;
    if (isKept) run.onKept(container.id);
    throw error;
  }
}

async function takeOut(container: Container, { recipe, signal }: StageRun, output: string): Promise<void> {
  const archive = await container.getArchive(RESULT, signal).catch((cause: unknown) => {
    if (!(cause instanceof EngineError) || cause.statusCode !== 404) throw cause;
    throw new LayerError(`${recipe.name} left nothing: there is no ${RESULT} in its container`, {
      hint: 'Let its build.sh install below $DESTDIR, and not remove that.',
      cause,
    });
  });
  // Beside the output, which lies on the store's file system, in a temporary folder of its own.
  await using tree = await normalizeTree(archive, { tmpDir: dirname(output), signal });
  await pipeline(packTree(tree.entries, { owner: 0 }), createWriteStream(output), { signal });
}

async function compile(container: Container, run: StageRun): Promise<void> {
  const { recipe, signal } = run;
  await using log = new StageLog(run.logPath, run.onLine);
  const attachment = await container.attach(signal);
  shareJobs(attachment, run.lease);
  const reading = Promise.all([log.follow(attachment.stdout), log.follow(attachment.stderr)]);
  // Awaited below; until then its failure must not count as unhandled.
  reading.catch(() => undefined);
  await container.start(signal);
  // Together: a log that cannot be written any more also stops the container, which would wait for its reader.
  const [{ exitCode, outOfMemory }] = await Promise.all([container.wait(signal), reading]);
  attachment.stdin.end();
  if (exitCode === 0) return;
  const { failed } = log;
  const reason = outOfMemory
    ? `it used more than its ${Math.floor(run.memoryBytes / 1024 ** 2)} MiB of memory`
    : '';
  throw new StageError(`${recipe.name} did not compile: ${reason || describe(failed, exitCode)}`, {
    details: {
      ...(failed === undefined ? {} : { command: `${failed.command} (${failed.place})` }),
      'last lines': [...log.lastLines],
      'full log': run.logPath,
    },
    hint: outOfMemory
      ? 'Give it more with --memory, or use fewer --jobs.'
      : run.keepContainer
        ? 'Read the full log; `docker cp` takes files out of the container that was kept.'
        : 'Read the full log; --keep-container leaves the container for a look inside.',
  });
}

function describe(failed: { readonly status: number } | undefined, exitCode: number): string {
  return failed === undefined
    ? `its container ended with status ${exitCode}`
    : `a command ended with status ${failed.status}`;
}

/** Bytes on stdin are tokens of make's jobserver; one job is make's own and needs none. */
function shareJobs(attachment: Attachment, lease: JobLease): void {
  // The container may end before it has read its tokens.
  attachment.stdin.on('error', () => undefined);
  attachment.stdin.write('+'.repeat(lease.jobs - 1));
  lease.onMore(() => {
    if (attachment.stdin.writable) attachment.stdin.write('+');
  });
}

function stageEnvironment({ recipe, platform, variation }: StageRun): Record<string, string> {
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(recipe.options)) options[`LAYERSMITH_OPTION_${name}`] = value;
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LAYERSMITH_PACKAGE: recipe.package,
    LAYERSMITH_KIND: recipe.kind,
    LAYERSMITH_VERSION: recipe.version,
    LAYERSMITH_ARCH: platform.architecture,
    LAYERSMITH_SOURCES: recipe.sources.map((source) => source.name).join(' '),
    SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH),
    ...options,
    ...(variation === undefined ? {} : { LD_PRELOAD: VARIATION_LIBRARY }),
  };
}

/** Everything below `/build`: the protocol, the recipe's files, the sources. */
async function buildTree(run: StageRun): Promise<TreeEntry[]> {
  const folders = new Set(['build', 'build/recipe', 'build/sources']);
  const files: TreeEntry[] = [fileEntry('build/stage.sh', await readFile(run.protocolPath), 0o755)];
  if (run.variation !== undefined)
    files.push(fileEntry(VARIATION_LIBRARY.slice(1), run.variation.library, 0o755));
  const addFolders = (path: string): void => {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) folders.add(parts.slice(0, depth).join('/'));
  };
  for (const [path, file] of run.recipe.buildFiles) {
    const target = `build/recipe/${path}`;
    addFolders(target);
    files.push(fileEntry(target, await readFile(file), 0o755));
  }
  for (const [name, { file, path }] of run.sources) {
    const target = `build/sources/${name}/${file}`;
    addFolders(target);
    const sizeBytes = (await stat(path)).size;
    files.push({ type: 'file', path: target, mode: 0o644, sizeBytes, content: { file: path, start: 0 } });
  }
  const directories = [...folders]
    .sort()
    .map((path): TreeEntry => ({ type: 'directory', path, mode: 0o755 }));
  return [...directories, ...files];
}
