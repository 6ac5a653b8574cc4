import { sha256, sha256OfFile, type Sha256 } from '../core/digest.js';
import { RecipeError, type Problem } from '../core/errors.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';
import type { Platform } from '../platform/platform.js';
import { unreadableFile } from '../recipe/recipe-library.js';
import type { Recipe } from '../recipe/recipe.js';

/** To be increased when a change of this code changes the output of build scripts. */
const PROTOCOL_VERSION = 2;

/** Everything of a stage itself that can change its result. */
export interface StageInputs {
  readonly recipe: Recipe;
  readonly platform: Platform;
  readonly toolchainDigest: string;
  /** The path of the build protocol, `stage.sh`. */
  readonly protocolPath: string;
}

/**
 * Returns the sha256 of everything of a stage itself that can change its result: version, options, build files, sources,
 * patches, toolchain digest, platform and build protocol. It does not include the stage's needs: see `inputKey` and `contentKey`.
 *
 * It includes the digests of all alternatives of a source, so that it depends neither on the alternative that a machine
 * uses nor on URLs. It does not include descriptive fields (summary, license, dates) and smoke tests.
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
      // What a patch closes describes it only. The key of a recipe without patches is as it was before there were any.
      ...(recipe.patches.length === 0 ? [] : [recipe.patches.map(({ source, path }) => [source, path])]),
      [platform.name, platform.architecture, platform.glibc, inputs.toolchainDigest],
    ]),
  );
}

/**
 * Returns the key of a stage that is known before anything is built. It combines the stage's digest with the input keys of
 * all its needs, in any order. The same recipes, platform and toolchain result in the same key on every machine.
 */
export function inputKey(stage: Sha256, needs: readonly Sha256[]): Sha256 {
  return sha256(JSON.stringify(['input', stage, [...needs].sort()]));
}

/**
 * Returns the key of a stage that is known once all its needs are built. It combines the stage's digest with the digests of
 * their artifacts, in any order. A need that is rebuilt with the same result does not change the key.
 */
export function contentKey(stage: Sha256, artifacts: readonly Sha256[]): Sha256 {
  return sha256(JSON.stringify(['content', stage, [...artifacts].sort()]));
}

function sorted<T>(entries: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
}
