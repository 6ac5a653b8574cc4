import { createWriteStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LayerError, StageError } from '../core/errors.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';
import type { ContainerEngine, ContainerSpec } from '../engine/container-engine.js';
import { KEPT_LABEL } from '../engine/owned-containers.js';
import { TRIPLES, type Platform } from '../platform/platform.js';
import { BUILDER_PIDS, BUILDER_UID, OPT } from '../platform/sandbox-layout.js';
import type { Recipe } from '../recipe/recipe.js';
import { programFailure, runProgram, type ProgramEnd } from '../sandbox/run-program.js';
import { packTree } from '../tree/pack-tree.js';
import { fileEntry, type TreeEntry } from '../tree/tree-entry.js';
import type { JobLease } from './job-pool.js';
import { refuseExecutableStacks } from './executable-stacks.js';
import { refuseOverlaps, type NeedArtifact } from './need-overlaps.js';
import { openStageLog, type StageLog } from './stage-log.js';
import { VARIATION_LIBRARY, VARIED_BUILDER, VARIED_HOSTNAME, type Variation } from './variation.js';

/** A stage to run, and everything that its container needs. */
export interface StageRun {
  readonly engine: ContainerEngine;
  readonly recipe: Recipe;
  readonly platform: Platform;
  /** The toolchain image's id. */
  readonly image: string;
  readonly protocolPath: string;
  /** The chosen archive of each source: its file name and its path. */
  readonly sources: ReadonlyMap<string, { readonly file: string; readonly path: string }>;
  /** The artifacts of all direct and indirect needs. */
  readonly needs: readonly NeedArtifact[];
  readonly lease: JobLease;
  readonly labels: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  /** How long the build script may run, in milliseconds. */
  readonly limitMs: number;
  /** Undefined for a build under the usual conditions. */
  readonly variation: Variation | undefined;
  readonly logPath: string;
  readonly onLine: (line: string) => void;
  /** Receives warnings of a stage that succeeded. */
  readonly onWarning: (line: string) => void;
  /** Whether to keep the container of a failed stage. */
  readonly keepContainer: boolean;
  /** Receives the id of a container that was kept. */
  readonly onKept: (containerId: string) => void;
  readonly signal: AbortSignal;
}

/** The $DESTDIR of build.sh. */
const INSTALLED = '/build/out';
/** A warning names this many paths. */
const NAMED_PATHS = 5;

/**
 * Compiles one package in its own container, and writes the files that it installed below `/opt` to `output` as a
 * normalized tar. Throws StageError if the build script fails (with the command, the last lines and the path of the log),
 * LayerError for files that must not leave a container, object files that make stacks executable, or needs that overlap, and errors of the engine and the disk unchanged.
 */
export async function runStage(run: StageRun, output: string): Promise<void> {
  const { recipe, signal } = run;
  await refuseOverlaps(recipe.name, run.needs);
  const spec = specOf(run);
  await using log = openStageLog(run.logPath, run.onLine);
  await runProgram(
    {
      engine: run.engine,
      spec,
      fill: async (container) => {
        for (const need of run.needs) {
          // Opened first: if it is missing, the error names it, and not the engine.
          await using file = await open(need.path);
          await container.putArchive(OPT, file.createReadStream({ autoClose: false }), signal);
        }
        await container.putArchive('/', packTree(await buildTree(run), { owner: builderOf(run) }), signal);
      },
      feed: (stdin) => {
        shareJobs(stdin, run.lease);
      },
      output: { stdout: log.follow, stderr: log.follow },
      limitMs: run.limitMs,
      keepFailed: run.keepContainer ? run.onKept : undefined,
      signal,
    },
    async ({ end, takeFolder }) => {
      const failure = programFailure(end, spec);
      if (failure !== undefined) throw stageError(run, { log, end, failure });
      const outside: string[] = [];
      await using tree = await takeFolder(INSTALLED, {
        // Next to the output, which is in a temporary folder on the store's file system.
        tmpDir: dirname(output),
        only: OPT.slice(1),
        onOutside: (path) => outside.push(path),
      });
      if (tree === undefined) {
        throw new LayerError(
          `${recipe.name} installed nothing: ${INSTALLED} does not exist in its container`,
          {
            hint: 'Change its build.sh so that it installs below $DESTDIR, and does not remove that folder.',
          },
        );
      }
      await refuseExecutableStacks(recipe.name, tree.entries);
      if (outside.length > 0) run.onWarning(outsideWarning(recipe, outside));
      await pipeline(packTree(tree.entries, { owner: 0 }), createWriteStream(output), { signal });
    },
  );
}

/** Returns a warning that names what build.sh installed outside of /opt. It omits folders that are not empty. */
function outsideWarning(recipe: Recipe, paths: readonly string[]): string {
  const deepest = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}/`))).sort();
  const named = deepest.slice(0, NAMED_PATHS).map((path) => `/${path}`);
  const more = deepest.length - named.length;
  return `${recipe.name} installed files outside of ${OPT}, which are left out: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function builderOf({ variation }: StageRun): number {
  return variation === undefined ? BUILDER_UID : VARIED_BUILDER;
}

function specOf(run: StageRun): ContainerSpec {
  const builder = builderOf(run);
  return {
    image: run.image,
    command: ['/bin/bash', '/build/stage.sh'],
    env: stageEnvironment(run),
    workingDir: '/build',
    user: `${builder}:${builder}`,
    ...(run.variation === undefined ? {} : { hostname: VARIED_HOSTNAME }),
    labels: {
      ...run.labels,
      'io.layersmith.stage': run.recipe.name,
      ...(run.keepContainer ? { [KEPT_LABEL]: 'yes' } : {}),
    },
    memoryBytes: run.memoryBytes,
    pids: BUILDER_PIDS,
    readOnlyRoot: false,
    tmpfs: {},
    volumes: [],
  };
}

function stageError(
  run: StageRun,
  { log, end, failure }: { readonly log: StageLog; readonly end: ProgramEnd; readonly failure: string },
): StageError {
  const { failed } = log;
  const isScriptsOwn = end.status === 'exited' && !end.outOfMemory;
  const reason =
    isScriptsOwn && failed !== undefined ? `a command ended with status ${failed.status}` : `it ${failure}`;
  return new StageError(`${run.recipe.name} did not compile: ${reason}`, {
    details: {
      ...(failed === undefined ? {} : { command: `${failed.command} (${failed.place})` }),
      'last lines': [...log.last],
      'full log': run.logPath,
    },
    hint: hintFor(end, run),
  });
}

function hintFor(end: ProgramEnd, { keepContainer }: StageRun): string {
  if (end.status === 'timed-out')
    return 'Read the full log to see where it stopped, or increase --stage-timeout.';
  if (end.status === 'exited' && end.outOfMemory) return 'Increase --memory, or use fewer --jobs.';
  return keepContainer
    ? 'Read the full log, or copy files out of the kept container with `docker cp`.'
    : 'Read the full log, or use --keep-container to keep the container for inspection.';
}

/** Writes a token of make's jobserver to stdin for each job. The first job is make's own and needs no token. */
function shareJobs(stdin: Writable, lease: JobLease): void {
  // The container may end before it has read its tokens.
  stdin.on('error', () => undefined);
  stdin.write('+'.repeat(lease.jobs - 1));
  lease.onMore(() => {
    if (stdin.writable) stdin.write('+');
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
    LAYERSMITH_HOST: TRIPLES[platform.architecture],
    LAYERSMITH_GLIBC: platform.glibc,
    LAYERSMITH_SOURCES: recipe.sources.map((source) => source.name).join(' '),
    SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH),
    ...(recipe.patches.length === 0
      ? {}
      : { LAYERSMITH_PATCHES: recipe.patches.map(({ source, path }) => `${source}/${path}`).join('\n') }),
    ...options,
    ...(variation === undefined ? {} : { LD_PRELOAD: VARIATION_LIBRARY }),
  };
}

/** Returns the content of `/build`: the build protocol, the files of the recipe and the sources. */
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
