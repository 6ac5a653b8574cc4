import type { LayerMode } from '../core/layer-mode.js';

/** What a layer has besides the artifacts of its stages. */
export interface LayerSettings {
  /** The mode of functions on the layer that set none themselves. */
  readonly mode: LayerMode;
  /** Settings of the interpreter, by name: `{ memory_limit: '512M' }`. */
  readonly ini: Readonly<Record<string, string>>;
  /** More files of the layer: their paths below `/opt`, and where they are on this machine. */
  readonly files: ReadonlyMap<string, string>;
}

/** The settings of a layer that is made from recipes alone. */
export const NO_SETTINGS: LayerSettings = { mode: 'function', ini: {}, files: new Map() };
