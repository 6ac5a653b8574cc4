/** What a runtime can do with events (docs/web.md): call a function, serve HTTP requests with a script, or run commands. */
export const LAYER_MODES = ['function', 'web', 'worker', 'console'] as const;
export type LayerMode = (typeof LAYER_MODES)[number];

/** The environment variable of a function that overrides the mode of its layer. */
export const MODE_VARIABLE = 'LAYERSMITH_MODE';
