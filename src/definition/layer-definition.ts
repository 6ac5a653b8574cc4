import { resolve } from 'node:path';
import { z } from 'zod';
import { LAYER_MODES, type LayerMode } from '../core/layer-mode.js';
import type { Place } from '../core/yaml-file.js';
import { ARCHITECTURES, type Architecture } from '../platform/platform.js';
import type { ChosenExtension, ChosenStart } from '../recipe/plan.js';
import { parseRecipeName, type RecipeName } from '../recipe/recipe-library.js';
import { iniSettings, needName, pathBelowOpt, STARTS } from '../recipe/recipe-schema.js';
import type { Position } from '../recipe/recipe.js';

/** A layer that a project wants: an entry of `layers` in layersmith.yaml. */
export interface LayerDefinition {
  /** `shop`: the key of the entry, and the first part of the names of its files. */
  readonly name: string;
  readonly base: RecipeName;
  readonly extensions: readonly ChosenExtension[];
  readonly platforms: readonly NamedPlatform[];
  readonly architectures: readonly Architecture[];
  /** The mode of functions on the layer that set none themselves. */
  readonly mode: LayerMode;
  /** Settings of the interpreter, by name. */
  readonly ini: Readonly<Record<string, string>>;
  /** Files to add to the layer. */
  readonly files: readonly AddedFile[];
  /** How the interpreter starts. Undefined where the definition does not choose. */
  readonly start: ChosenStart | undefined;
  /** The place of `base`. */
  readonly position: Position;
  /** The place of `mode`. */
  readonly modePosition: Position;
  /** The place of `ini`. */
  readonly iniPosition: Position;
}

/** A platform that a definition names. */
export interface NamedPlatform {
  readonly name: string;
  readonly position: Position;
}

/** A file that a definition adds to its layer. */
export interface AddedFile {
  /** Below `/opt`. */
  readonly path: string;
  /** Where it is on this machine. */
  readonly file: string;
  readonly position: Position;
}

/** The platform of a layer whose definition names none. */
export const DEFAULT_PLATFORM = 'provided.al2023';
/** The architecture of a layer whose definition names none. */
export const DEFAULT_ARCHITECTURE: Architecture = 'x86_64';

/** The schema of an entry of `layers`. */
export const layerSchema = z.strictObject({
  base: needName,
  extensions: z.array(needName).default([]),
  platforms: z.array(z.string()).min(1).default([DEFAULT_PLATFORM]),
  architectures: z.array(z.enum(ARCHITECTURES)).min(1).default([DEFAULT_ARCHITECTURE]),
  mode: z.enum(LAYER_MODES).default('function'),
  ini: iniSettings.default({}),
  files: z.record(pathBelowOpt, z.string()).default({}),
  start: z.enum(STARTS).optional(),
});

/** The names of layers, which begin the names of files. */
export const layerName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]*$/, 'the name of a layer consists of lower-case letters, digits, `-` and `_`');

/** Creates the definitions from the content of a layersmith.yaml in a folder. */
export function layerDefinitions(
  layers: Readonly<Record<string, z.infer<typeof layerSchema>>>,
  { folder, file, locate }: { readonly folder: string; readonly file: string; readonly locate: Locate },
): readonly LayerDefinition[] {
  const place = (...path: readonly PropertyKey[]): Position => ({ file, ...locate(['layers', ...path]) });
  return Object.entries(layers).map(([name, layer]) => ({
    name,
    base: parseRecipeName(layer.base),
    extensions: layer.extensions.map((text, index) => ({
      ...parseRecipeName(text),
      position: place(name, 'extensions', index),
    })),
    platforms: [...new Set(layer.platforms)].map((platform) => ({
      name: platform,
      position: place(name, 'platforms', layer.platforms.indexOf(platform)),
    })),
    architectures: [...new Set(layer.architectures)],
    mode: layer.mode,
    ini: layer.ini,
    files: Object.entries(layer.files).map(([path, from]) => ({
      path,
      file: resolve(folder, from),
      position: place(name, 'files', path),
    })),
    start: layer.start && { start: layer.start, position: place(name, 'start') },
    position: place(name, 'base'),
    modePosition: place(name, 'mode'),
    iniPosition: place(name, 'ini'),
  }));
}

type Locate = (path: readonly PropertyKey[]) => Place;
