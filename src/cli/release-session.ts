import { findProject } from '../definition/project.js';
import type { Reporter } from '../core/reporter.js';
import { chooseReleases, type ReleaseRules } from '../pipeline/build/choose-releases.js';
import type { RecipeLibrary } from '../recipe/recipe-library.js';
import type { ReleaseOf } from '../recipe/release.js';
import { createReleaseSources } from '../source/release-sources.js';
import { readLockedReleases } from '../toolchain/lock-file.js';
import type { Io } from './io.js';
import {
  checkSources,
  fetcherFor,
  openLibrary,
  openStoreFor,
  proxiesOf,
  type FetcherArgs,
} from './session.js';

/** Flags of a command that plans recipes. */
export interface ReleaseArgs extends FetcherArgs {
  readonly recipes: readonly string[];
  readonly store: string | undefined;
  readonly locked?: boolean;
}

/** How releases are chosen. */
interface Choosing {
  readonly reporter: Reporter;
  /** Try downloads also if they failed a short time ago. */
  readonly retries?: boolean;
  /** Ignore the lock: choose what it would be written with. */
  readonly ignoresLock?: boolean;
}

/**
 * Opens the recipes for a command that plans them: a line without a version is the locked release, else the newest whose sources
 * are available. The store is opened, and a source downloaded, only for lines with several releases.
 */
export async function openReleases(io: Io, args: ReleaseArgs, choosing: Choosing): Promise<RecipeLibrary> {
  return (await openLibrary(io, args.recipes)).choosing(releaseOf(io, args, choosing));
}

function releaseOf(
  io: Io,
  args: ReleaseArgs,
  { reporter, retries = false, ignoresLock = false }: Choosing,
): ReleaseOf {
  const openAvailability = async (): Promise<ReleaseRules['availability']> => {
    await checkSources(io, args.sources);
    const store = await openStoreFor(io, args.store, reporter);
    const fetcher = (offline: boolean) =>
      fetcherFor(io, { ...args, offline }, { store, report: reporter.info });
    return createReleaseSources({
      ...{ sourcesDir: store.sourcesDir, stateDir: store.stateDir, retries, now: io.now, signal: io.signal },
      local: fetcher(true),
      remote: args.offline ? undefined : fetcher(false),
      places: [io.env['LAYERSMITH_DEBIAN_MIRROR'], ...Object.values(proxiesOf(io))],
    });
  };
  let availability: Promise<ReleaseRules['availability']> | undefined;
  const open = async (): Promise<ReleaseOf> => {
    const { lock: lockPath } = await findProject(io.cwd);
    return chooseReleases({
      locked: ignoresLock ? new Map() : await readLockedReleases(lockPath),
      lockPath,
      needsLock: args.locked === true,
      availability: async (release) => (await (availability ??= openAvailability()))(release),
      warn: reporter.warn,
    });
  };
  let opened: Promise<ReleaseOf> | undefined;
  return async (request) => (await (opened ??= open()))(request);
}
