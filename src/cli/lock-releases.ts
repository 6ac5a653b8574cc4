import { UsageError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { findProject } from '../definition/project.js';
import { loadRecipe, parseRecipeName, type RecipeLibrary } from '../recipe/recipe-library.js';
import type { Recipe } from '../recipe/recipe.js';
import type { Io } from './io.js';
import { plannedLayers } from './planned-layers.js';
import { openReleases } from './release-session.js';

/** What `releasesToLock` depends on. */
interface Locking {
  /**
   * Layers or recipes whose releases are to be locked, with those of their libraries. A release is locked as it is named. If
   * empty, all layers of the project.
   */
  readonly recipes: readonly string[];
  /** The releases in the lock. They are chosen again. */
  readonly locked: ReadonlyMap<string, string>;
  readonly reporter: Reporter;
}

/** Flags that decide where recipes and sources are found. */
interface Args {
  readonly recipes: readonly string[];
  readonly store: string | undefined;
  readonly sources: string | undefined;
}

/**
 * Chooses the releases that the lock will have: of the lines that it has already, and of all lines of the named layers and recipes
 * that have several releases. Downloads the sources of the newest. A line that no recipe has any more is left out, with a warning.
 */
export async function releasesToLock(
  io: Io,
  args: Args,
  { recipes, locked, reporter }: Locking,
): Promise<ReadonlyMap<string, string>> {
  const library = await openReleases(
    io,
    { ...args, offline: false },
    { reporter, retries: true, ignoresLock: true },
  );
  const releases = new Map<string, string>();
  for (const name of locked.keys()) {
    const recipe = await lockedLine(name, library, reporter);
    if (recipe !== undefined) releases.set(name, recipe.version);
  }
  const { layers } = await findProject(io.cwd);
  const names = recipes.length > 0 ? recipes : layers.map(({ name }) => name);
  const everywhere = { with: [], platform: undefined, arch: undefined };
  const targets = names.length === 0 ? [] : await plannedLayers(io, { names, ...everywhere }, library);
  for (const { recipe } of targets.flatMap(({ layer }) => layer.plan.stages)) {
    if (recipe.releases.length > 1) releases.set(recipe.name, recipe.version);
  }
  return releases;
}

/** Returns a locked line. Undefined, with a warning, if there is none of that name. */
async function lockedLine(
  name: string,
  library: RecipeLibrary,
  reporter: Reporter,
): Promise<Recipe | undefined> {
  try {
    return await loadRecipe(library, parseRecipeName(name));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    reporter.warn(`${name} is no longer locked: ${error.message}`);
    return undefined;
  }
}

/** Lists the releases that differ between two locks: `php/8.4: 8.4.24 → 8.4.28`. */
export function releaseDifferences(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name}: ${before.get(name) ?? 'not locked'} → ${after.get(name) ?? 'not locked'}`);
}
