import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { errorCodeOf } from '../core/file-system.js';
import type { Recipe } from '../recipe/recipe.js';

/** The file with the costs, in the folder of the built-in recipes. `make bench BENCH=extensions` writes it. */
export const COSTS_FILE = 'extension-costs.json';

const costSchema = z.object({
  /** The version of the extension that was measured. */
  version: z.string(),
  /** How many bytes it adds to the zip of a layer without extensions, with all that it brings. */
  zipBytes: z.number(),
  /** The CPU time of a start with it, in times of one without extensions. */
  start: z.number(),
});

const baseSchema = z.object({
  /** The version of the interpreter. */
  version: z.string(),
  platform: z.string(),
  architecture: z.string(),
  /** The size of the zip without extensions. */
  zipBytes: z.number(),
  /** By the names of extensions. */
  extensions: z.record(z.string(), costSchema),
});

/** The schema of the file: what was measured, by the names of interpreters' lines. */
export const costsSchema = z.record(z.string(), baseSchema);

export type ExtensionCosts = z.infer<typeof costsSchema>;
/** What the extensions of one line of an interpreter cost. */
export type BaseCosts = ExtensionCosts[string];

/** What an extension costs. */
export interface ExtensionCost extends z.infer<typeof costSchema> {
  /** Whether another version of the extension was measured than the recipe's. */
  readonly isOfOtherVersion: boolean;
}

/** Reads what was measured. A missing file has nothing. */
export async function readExtensionCosts(packageRoot: string): Promise<ExtensionCosts> {
  try {
    return costsSchema.parse(JSON.parse(await readFile(join(packageRoot, 'recipes', COSTS_FILE), 'utf8')));
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return {};
    throw error;
  }
}

/** Returns what an extension costs on a line of an interpreter. Undefined if it was not measured. */
export function costOf(
  extension: Recipe,
  { base, costs }: { readonly base: Recipe; readonly costs: BaseCosts | undefined },
): ExtensionCost | undefined {
  const cost = costs?.extensions[extension.package];
  if (cost === undefined) return undefined;
  // The version of a bundled extension, which is compiled from its interpreter's sources, is that of the line.
  const expected = extension.sources === base.sources ? costs?.version : extension.version;
  return { ...cost, isOfOtherVersion: cost.version !== expected };
}
