import { randomBytes } from 'node:crypto';
import { access, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { StageError, UsageError } from '../core/errors.js';
import { findProject, LOCK_FILE } from '../definition/project.js';
import type { Reporter } from '../core/reporter.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import { ownerLabels, sweepContainers } from '../engine/owned-containers.js';
import { findEngine } from '../engine/find-engine.js';
import type { BuildContext } from '../pipeline/build/build-context.js';
import { loadAbiProfiles } from '../platform/abi-profile.js';
import {
  loadPlatform,
  type Architecture,
  type Platform,
  type PlatformFolders,
} from '../platform/platform.js';
import { openRecipeLibrary, type RecipeLibrary } from '../recipe/recipe-library.js';
import { createDebianArchive } from '../source/debian/debian-archive.js';
import { hostMirrors, namedMirror } from '../source/debian/debian-mirror.js';
import { createSourceFetcher, type SourceFetcher } from '../source/source-fetcher.js';
import { openStore, type Store } from '../store/store.js';
import { presentToolchain, type ChooseOptions } from '../toolchain/choose-toolchain.js';
import { describeToolchain, prepareToolchain } from '../toolchain/describe-toolchain.js';
import { checkLock, lockKey, readLock, type LockEntry, type LockFile } from '../toolchain/lock-file.js';
import type { DebianMirrors } from '../toolchain/debian.js';
import { TOOLCHAIN_KINDS, type Toolchain, type ToolchainKind } from '../toolchain/toolchain.js';
import { paintFor } from './color.js';
import type { Io } from './io.js';
import { stageLimits } from './stage-limits.js';
import { liveReporter } from './live-reporter.js';
import { plainReporter } from './plain-reporter.js';

/** Time limit for an answer of the image registry. */
const REGISTRY_TIMEOUT_MS = 8_000;

/** Returns the reporter for this process: a live view on a terminal, plain lines otherwise. */
export function reporterFor(io: Io): Reporter {
  return io.terminal === undefined
    ? plainReporter({ print: io.err, now: io.now })
    : liveReporter({
        terminal: io.terminal,
        now: io.now,
        paint: paintFor({ isTerminal: true, env: io.env }),
      });
}

/** Returns a function that prints warnings, for commands that report no progress. */
export function warnTo(io: Io): (message: string) => void {
  return (message) => {
    io.err(`layersmith: warning: ${message}\n`);
  };
}

/** Opens the recipes. Those of `--recipes` override the project's own, and these override the built-in ones. */
export async function openLibrary(io: Io, folders: readonly string[]): Promise<RecipeLibrary> {
  const { recipes } = await findProject(io.cwd);
  return openRecipeLibrary([
    ...folders.map((folder) => resolve(io.cwd, folder)),
    ...(recipes === undefined ? [] : [recipes]),
    join(io.packageRoot, 'recipes'),
  ]);
}

/** Returns the store's folder: `--store`, `$XDG_CACHE_HOME/layersmith`, or `~/.cache/layersmith`, in this order. */
export function storeFolder(io: Io, asked: string | undefined): string {
  if (asked !== undefined) return resolve(io.cwd, asked);
  const cache = io.env['XDG_CACHE_HOME'];
  // The XDG Base Directory Specification says to ignore relative paths.
  return join(cache !== undefined && isAbsolute(cache) ? cache : join(io.homeDir, '.cache'), 'layersmith');
}

/** Opens the store. Its warnings go to the reporter. */
export function openStoreFor(io: Io, asked: string | undefined, reporter: Reporter): Promise<Store> {
  return openStore(storeFolder(io, asked), reporter.warn);
}

/** Returns the folders of platforms: the project's own, if it has any, and the built-in ones. */
export async function platformFolders(io: Io): Promise<PlatformFolders> {
  const { platforms } = await findProject(io.cwd);
  return [...(platforms === undefined ? [] : [platforms]), join(io.packageRoot, 'platforms')];
}

export async function platformFor(
  io: Io,
  args: { readonly platform: string; readonly arch: Architecture; readonly registry: string | undefined },
): Promise<Platform> {
  return loadPlatform(args.platform, {
    folders: await platformFolders(io),
    architecture: args.arch,
    registry: args.registry,
  });
}

/** Returns the proxies of the environment, under the lower-case names of the variables, which common tools read. */
export function proxiesOf(io: Io): Readonly<Record<string, string>> {
  const found = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => {
    // An empty variable counts as not set, as for curl.
    const value = [name, name.toUpperCase()].map((key) => io.env[key]).find(Boolean);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(found);
}

/** Flags of a command that fetches sources. */
export interface FetcherArgs {
  readonly sources: string | undefined;
  readonly offline: boolean;
}

/** Checks `--sources`, even if no source has to be fetched. Throws UsageError if it is not a folder. */
export async function checkSources(io: Io, sources: string | undefined): Promise<void> {
  if (sources === undefined) return;
  const path = resolve(io.cwd, sources);
  const isFolder = await stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
  if (!isFolder)
    throw new UsageError(`--sources: '${path}' is not a folder`, {
      hint: 'Name a folder that holds source tarballs.',
    });
}

export function fetcherFor(
  io: Io,
  args: FetcherArgs,
  { store, report }: { readonly store: Store; readonly report: (line: string) => void },
): SourceFetcher {
  const env = proxiesOf(io);
  return createSourceFetcher({
    sourcesDir: store.sourcesDir,
    tmpDir: store.tmpDir,
    extraDir: args.sources === undefined ? undefined : resolve(io.cwd, args.sources),
    offline: args.offline,
    proxies: { http: env['http_proxy'], https: env['https_proxy'], none: env['no_proxy'] },
    archives: [
      createDebianArchive({
        cacheDir: join(store.stateDir, 'apt'),
        mirror: io.env['LAYERSMITH_DEBIAN_MIRROR'],
        env,
      }),
    ],
    report,
  });
}

/** Returns the engine that answers. Installs and starts nothing (see `layersmith doctor --fix`). Throws EngineNotFoundError. */
export function engineFor(io: Io): Promise<ContainerEngine> {
  return findEngine({ env: io.env, homeDir: io.homeDir, signal: io.signal });
}

/** Opens the engine and removes containers that killed runs left behind. */
export async function openEngine(io: Io, reporter: Reporter): Promise<ContainerEngine> {
  const engine = await engineFor(io);
  const swept = await sweepContainers(engine, { kept: false, signal: io.signal });
  if (swept.length > 0) reporter.info(`removed ${swept.length} container(s) left by a killed run`);
  return engine;
}

/** Flags of a command that builds. */
export interface BuildArgs extends FetcherArgs {
  readonly recipes: readonly string[];
  readonly store: string | undefined;
  readonly platform: string;
  readonly arch: Architecture;
  readonly toolchain: ToolchainKind | undefined;
  readonly registry: string | undefined;
  readonly jobs: number | undefined;
  readonly memory: number | undefined;
  readonly keepContainer: boolean;
  /** How long a stage may run: `90m`. */
  readonly stageTimeout?: string | undefined;
  /** Refuse a toolchain that differs from the lock file's. */
  readonly locked?: boolean;
}

/** Opens everything that compiling or testing needs, the checks that fail fastest first. */
export async function openBuild(
  io: Io,
  args: BuildArgs,
  { library, reporter }: { readonly library: RecipeLibrary; readonly reporter: Reporter },
): Promise<BuildContext> {
  await checkSources(io, args.sources);
  const platform = await platformFor(io, args);
  const { jobs, memory, stageTimeoutMs } = stageLimits(args);
  const store = await openStoreFor(io, args.store, reporter);
  const engine = await openEngine(io, reporter);
  const labels = ownerLabels();
  const options = { engine, stateDir: store.stateDir, labels, signal: io.signal };
  const { toolchain, packages: toolchainPackages } = await prepareToolchain(
    await toolchainOptions(io, args, { engine, platform, store, reporter }),
    options,
  );
  announce(toolchain, platform, reporter);
  const lock = await openLock(io);
  const difference = await checkLock(lock, {
    ...{ platform, toolchain, locked: args.locked === true },
    describe: () => describeToolchain(toolchain, options),
  });
  // Warn only about the user's own lock.
  const isOwn = lock.own.has(lockKey(platform, toolchain.kind));
  if (difference !== undefined) (isOwn ? reporter.warn : reporter.info)(difference);
  const info = await engine.info(io.signal);
  const sharedJobs = jobs ?? info.cpus;
  return {
    engine,
    store,
    library,
    packageRoot: io.packageRoot,
    platform,
    abiProfiles: await loadAbiProfiles(await platformFolders(io), platform.architecture),
    toolchain,
    toolchainPackages,
    fetcher: fetcherFor(io, args, { store, report: reporter.info }),
    reporter,
    jobs: sharedJobs,
    stageTimeoutMs,
    memoryBytes: memory === undefined ? fairMemory(info.memoryBytes, sharedJobs) : memory * 1024 ** 2,
    variation: undefined,
    keepContainer: args.keepContainer,
    runName: `${new Date(io.now()).toISOString().replace(/[:.]/g, '-')}-${randomBytes(3).toString('hex')}`,
    labels,
    now: io.now,
    signal: io.signal,
  };
}

/** Returns the options for choosing a toolchain: the locked one, unless `fresh`. */
export async function toolchainOptions(
  io: Io,
  args: Pick<BuildArgs, 'toolchain' | 'offline'>,
  parts: {
    readonly engine: ContainerEngine;
    readonly platform: Platform;
    readonly store: Store;
    readonly reporter: Reporter;
    readonly fresh?: boolean;
  },
): Promise<ChooseOptions> {
  const { fresh = false } = parts;
  const { lock } = await openLock(io);
  const asked = args.toolchain === undefined ? undefined : `set by --toolchain ${args.toolchain}`;
  const kind = args.toolchain ?? (fresh ? undefined : await lockedKind(io, parts.platform));
  return {
    fresh,
    pins: fresh ? [] : pinsOf(lock, parts.platform),
    engine: parts.engine,
    platform: parts.platform,
    tmpDir: parts.store.tmpDir,
    dockerfile: dockerfileOf(io),
    mirrors: () => debianMirrors(io),
    proxies: proxiesOf(io),
    forced: kind && { kind, reason: asked ?? `locked in ${LOCK_FILE}` },
    offline: args.offline,
    registryTimeoutMs: REGISTRY_TIMEOUT_MS,
    report: parts.reporter.info,
    signal: io.signal,
  };
}

/** Returns the kind of toolchain for the platform whose images a build finds in the engine; undefined if there is none. */
export async function toolchainInEngine(
  io: Io,
  { engine, platform }: { readonly engine: ContainerEngine; readonly platform: Platform },
): Promise<ToolchainKind | undefined> {
  const { lock } = await openLock(io);
  const pins = pinsOf(lock, platform);
  return presentToolchain({ engine, platform, pins, dockerfile: dockerfileOf(io), signal: io.signal });
}

function pinsOf(lock: LockFile, platform: Platform): LockEntry['packages'] {
  return lock.get(lockKey(platform, 'debian'))?.packages ?? [];
}

function dockerfileOf(io: Io): string {
  return join(io.packageRoot, 'Dockerfile.amazonlinux');
}

/**
 * Merges the project's lock with the one that comes with layersmith. The project's entries take precedence. `path` is the
 * project's lock file, which `layersmith lock` writes.
 */
export async function openLock(io: Io): Promise<{
  readonly path: string;
  readonly lock: LockFile;
  /** The project's entries alone. */
  readonly own: LockFile;
}> {
  const { lock: path } = await findProject(io.cwd);
  const builtInPath = join(io.packageRoot, LOCK_FILE);
  const builtIn = await readLock(builtInPath);
  // In layersmith's own checkout the lock that comes with it is nobody's choice of a toolchain.
  const own: LockFile = path === builtInPath ? new Map() : await readLock(path);
  return { path, own, lock: new Map([...builtIn, ...own]) };
}

/** The kind of toolchain that the project's own lock decides for a platform; undefined where it does not. */
export async function lockedKind(io: Io, platform: Platform): Promise<ToolchainKind | undefined> {
  const { own } = await openLock(io);
  return TOOLCHAIN_KINDS.find((kind) => own.has(lockKey(platform, kind)));
}

/** Reports which images are used, and why. */
export function announce(
  toolchain: Pick<Toolchain, 'kind' | 'reason'>,
  platform: Platform,
  reporter: Reporter,
): void {
  const name = toolchain.kind === 'debian' ? 'embedded Debian 11' : platform.toolchain.base;
  reporter.info(`toolchain: ${name} (${toolchain.reason})`);
}

/** Divides the memory between the stages, at most eight at once, and reserves a fifth for the machine. */
function fairMemory(total: number, jobs: number): number {
  const least = 1024 ** 3;
  return Math.max(least, Math.floor((total * 0.8) / Math.min(jobs, 8)));
}

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

async function debianMirrors(io: Io): Promise<DebianMirrors> {
  const named = io.env['LAYERSMITH_DEBIAN_MIRROR'];
  const mirror =
    named === undefined || named === '' ? (await hostMirrors('/etc/apt'))[0] : namedMirror(named);
  const keyring = await access(KEYRING).then(
    () => KEYRING,
    () => undefined,
  );
  if (mirror === undefined || keyring === undefined) {
    const what = mirror === undefined ? 'no Debian mirror in its apt sources' : 'no Debian archive keys';
    throw new StageError(`cannot create the embedded Debian toolchain: this host has ${what}`, {
      hint: 'Install debian-archive-keyring and set LAYERSMITH_DEBIAN_MIRROR to a Debian mirror, or build where the Amazon Linux registry answers.',
    });
  }
  return { main: mirror.archive, security: mirror.security, keyring };
}
