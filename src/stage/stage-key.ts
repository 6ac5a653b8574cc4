import { sha256, sha256OfFile, type Sha256 } from '../core/digest.js';
import { RecipeError, type Problem } from '../core/errors.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';
import type { Platform } from '../platform/platform.js';
import { unreadableFile } from '../recipe/recipe-library.js';
import type { Recipe } from '../recipe/recipe.js';

/** Raised when what this code does around a build script changes the bytes that come out. */
const PROTOCOL_VERSION = 2;

export interface StageInputs {
  readonly recipe: Recipe;
  readonly platform: Platform;
  readonly toolchainDigest: string;
  /** The build protocol's file, `stage.sh`. */
  readonly protocolPath: string;
}

/**
 * The sha256 over everything of a stage itself that can change its result: version, options, build files, sources,
 * toolchain digest, platform and build protocol. What it needs is not in it: see `inputKey` and `contentKey`.
 *
 * A source counts with the digests of all its alternatives, so that neither the one that a machine happens to have nor a
 * URL changes the digest. Texts for people (summary, license, dates) and smoke tests are left out.
 *
 * Throws RecipeError with every build file that cannot be read.
 */
export async function stageDigest(inputs: StageInputs): Promise<Sha256> {
  const { recipe, platform } = inputs;
  const problems: Problem[] = [];
  const digestOf = async (file: string): Promise<Sha256 | undefined> =>
    sha256OfFile(file).catch((error: unknown) => {
      problems.push(unreadableFile(file, error));
      return undefined;
    });
  const buildFiles: [string, Sha256 | undefined][] = [];
  for (const [path, file] of recipe.buildFiles) buildFiles.push([path, await digestOf(file)]);
  const protocol = await digestOf(inputs.protocolPath);
  if (problems.length > 0) throw new RecipeError(problems);
  return sha256(
    JSON.stringify([
      PROTOCOL_VERSION,
      SOURCE_DATE_EPOCH,
      protocol,
      [recipe.package, recipe.kind, recipe.version],
      sorted(Object.entries(recipe.options)),
      sorted(buildFiles),
      // In the recipe's order: the build starts in the first one's folder.
      recipe.sources.map(({ name, alternatives }) => [name, alternatives.map((file) => file.sha256)]),
      [platform.name, platform.architecture, inputs.toolchainDigest],
    ]),
  );
}

/**
 * The key of a stage that is known before anything is built: its own digest and the input keys of all stages below it, in
 * any order. The same recipes, platform and toolchain give the same key on every machine.
 */
export function inputKey(stage: Sha256, needs: readonly Sha256[]): Sha256 {
  return sha256(JSON.stringify(['input', stage, [...needs].sort()]));
}

/**
 * The key of a stage that is known once all stages below it are there: its own digest and the digests of their artifacts, in
 * any order. A stage below that was built anew and came out the same does not change it.
 */
export function contentKey(stage: Sha256, artifacts: readonly Sha256[]): Sha256 {
  return sha256(JSON.stringify(['content', stage, [...artifacts].sort()]));
}

function sorted<T>(entries: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
}
