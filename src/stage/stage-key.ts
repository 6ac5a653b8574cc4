import { sha256, sha256OfFile, type Sha256 } from '../core/digest.js';
import { RecipeError, type Problem } from '../core/errors.js';
import { SOURCE_DATE_EPOCH } from '../core/source-date-epoch.js';
import type { Platform } from '../platform/platform.js';
import { unreadableFile } from '../recipe/recipe-library.js';
import type { Recipe } from '../recipe/recipe.js';

/** Raised when what this code does around a build script changes the bytes that come out. */
const PROTOCOL_VERSION = 1;

export interface StageKeyInput {
  readonly recipe: Recipe;
  /**
   * The sha256 of the alternative chosen for each source, by the source's name, in the recipe's order: the
   * build starts in the first one's folder.
   */
  readonly sources: Readonly<Record<string, Sha256>>;
  /** The keys of all stages below this one. */
  readonly needs: readonly Sha256[];
  readonly platform: Platform;
  readonly toolchainDigest: string;
  /** The build protocol's file, `stage.sh`. */
  readonly protocolPath: string;
}

/**
 * The sha256 over everything that can change a stage's result (design decision 3): version, options, build
 * files, source digests, keys of what it needs, toolchain digest, platform, and the build protocol. Texts
 * for people (summary, licence, dates) and smoke tests are not in it. Throws RecipeError with every build file
 * that cannot be read.
 */
export async function stageKey(input: StageKeyInput): Promise<Sha256> {
  const { recipe, platform } = input;
  const problems: Problem[] = [];
  const digestOf = async (file: string): Promise<Sha256 | undefined> =>
    sha256OfFile(file).catch((error: unknown) => {
      problems.push(unreadableFile(file, error));
      return undefined;
    });
  const buildFiles: [string, Sha256 | undefined][] = [];
  for (const [path, file] of recipe.buildFiles) buildFiles.push([path, await digestOf(file)]);
  const protocol = await digestOf(input.protocolPath);
  if (problems.length > 0) throw new RecipeError(problems);
  return sha256(
    JSON.stringify([
      PROTOCOL_VERSION,
      SOURCE_DATE_EPOCH,
      protocol,
      [recipe.package, recipe.kind, recipe.version],
      sorted(Object.entries(recipe.options)),
      sorted(buildFiles),
      Object.entries(input.sources),
      [...input.needs].sort(),
      [platform.name, platform.architecture, input.toolchainDigest],
    ]),
  );
}

function sorted<T>(entries: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
}
