/** What a layer has besides the artifacts of its stages. */
export interface LayerSettings {
  /** Settings of the interpreter, by name: `{ memory_limit: '512M' }`. */
  readonly ini: Readonly<Record<string, string>>;
  /** More files of the layer: their paths below `/opt`, and where they are on this machine. */
  readonly files: ReadonlyMap<string, string>;
}

/** The settings of a layer that is made from recipes alone. */
export const NO_SETTINGS: LayerSettings = { ini: {}, files: new Map() };
