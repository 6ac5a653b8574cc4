import { isAbsolute, join, resolve } from 'node:path';
import { EngineUnavailableError, UsageError } from '../core/errors.js';
import { kindOf } from '../core/file-system.js';
import { findProject } from '../definition/project.js';
import type { Reporter } from '../core/reporter.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import { sweepContainers } from '../engine/owned-containers.js';
import { EngineNotFoundError, findEngine } from '../engine/find-engine.js';
import {
  loadPlatform,
  type Architecture,
  type Platform,
  type PlatformFolders,
} from '../platform/platform.js';
import { openRecipeLibrary, type RecipeLibrary } from '../recipe/recipe-library.js';
import { createDebianArchive } from '../source/debian/debian-archive.js';
import { namedMirror, type DebianMirror } from '../source/debian/debian-mirror.js';
import { createDebianPool } from '../source/debian/debian-pool.js';
import type { Proxies } from '../source/proxies.js';
import type { SourceProvider } from '../source/source-provider.js';
import {
  createSourceFetcher,
  TIMEOUTS,
  type SourceFetcher,
  type SourceFetcherOptions,
} from '../source/source-fetcher.js';
import { openStore, type Store } from '../store/store.js';
import { paintFor } from './color.js';
import type { Io } from './io.js';
import { liveReporter } from './live-reporter.js';
import { plainReporter } from './plain-reporter.js';

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
  if ((await kindOf(path)) !== 'folder')
    throw new UsageError(`--sources: '${path}' is not a folder`, {
      hint: 'Name a folder that holds source tarballs.',
    });
}

export function fetcherFor(
  io: Io,
  args: FetcherArgs,
  {
    store,
    report,
    mirrors = [],
  }: {
    readonly store: Store;
    readonly report: (line: string) => void;
    readonly mirrors?: readonly SourceProvider[];
  },
): SourceFetcher {
  return createSourceFetcher({
    ...downloadSettings(io, args, store),
    mirrors,
    archives: [
      createDebianArchive({
        cacheDir: join(store.stateDir, 'apt'),
        mirror: io.env['LAYERSMITH_DEBIAN_MIRROR'],
        env: proxiesOf(io),
      }),
      createDebianPool({
        mirrors: () => namedMirrors(io),
        proxies: proxySettings(io),
        timeouts: TIMEOUTS,
      }),
    ],
    report,
  });
}

/** Returns the Debian mirrors that the user names: LAYERSMITH_DEBIAN_MIRROR, then `mirrors` in the project's `layersmith.yaml`. */
export async function namedMirrors(io: Io): Promise<readonly DebianMirror[]> {
  const named = io.env['LAYERSMITH_DEBIAN_MIRROR'];
  const { mirrors } = await findProject(io.cwd);
  return [...(named === undefined || named === '' ? [] : [named]), ...mirrors].flatMap(
    (text) => namedMirror(text) ?? [],
  );
}

/** Returns where pinned files of any kind are looked for and kept, and how they are downloaded. */
export function downloadSettings(
  io: Io,
  { sources, offline }: FetcherArgs,
  { sourcesDir, tmpDir }: Pick<Store, 'sourcesDir' | 'tmpDir'>,
): Pick<SourceFetcherOptions, 'sourcesDir' | 'tmpDir' | 'extraDir' | 'offline' | 'proxies'> {
  return {
    sourcesDir,
    tmpDir,
    extraDir: sources === undefined ? undefined : resolve(io.cwd, sources),
    offline,
    proxies: proxySettings(io),
  };
}

/** Returns the proxies of the environment for downloads. */
export function proxySettings(io: Io): Proxies {
  const env = proxiesOf(io);
  return { http: env['http_proxy'], https: env['https_proxy'], none: env['no_proxy'] };
}

/** Returns the engine that answers. Installs and starts nothing (see `layersmith doctor --fix`). Throws EngineNotFoundError. */
export function engineFor(io: Io): Promise<ContainerEngine> {
  return findEngine({ env: io.env, homeDir: io.homeDir, signal: io.signal });
}

const ADDRESS_HINT = 'Addresses are unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST.';

/** Returns the engine that `--test-engine` names. Throws EngineUnavailableError if it does not answer. */
async function namedEngine(io: Io, address: string): Promise<ContainerEngine> {
  if (address.trim() === '') throw new UsageError('--test-engine is empty', { hint: ADDRESS_HINT });
  const { homeDir, signal } = io;
  try {
    return await findEngine({ env: { ...io.env, DOCKER_HOST: address }, homeDir, signal });
  } catch (error) {
    if (!(error instanceof EngineNotFoundError)) throw error;
    const why = error.cause instanceof Error ? error.cause.message : error.message;
    throw new EngineUnavailableError(`--test-engine: no container engine answers at '${address}'`, {
      details: { reason: why },
      hint: `Start that engine, or correct its address. ${ADDRESS_HINT}`,
      cause: error,
    });
  }
}

/**
 * Opens the engine, or the one that `--test-engine` names, and removes containers that killed runs left behind. Throws
 * EngineUnavailableError if it does not answer.
 */
export async function openEngine(
  io: Io,
  { reporter, testEngine }: { readonly reporter: Reporter; readonly testEngine?: string | undefined },
): Promise<ContainerEngine> {
  const engine = await (testEngine === undefined ? engineFor(io) : namedEngine(io, testEngine));
  const swept = await sweepContainers(engine, { kept: false, signal: io.signal });
  if (swept.length > 0) reporter.info(`removed ${swept.length} container(s) left by a killed run`);
  return engine;
}
