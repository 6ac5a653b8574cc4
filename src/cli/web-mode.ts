import { MODE_VARIABLE } from '../core/layer-mode.js';
import { findManifest } from '../layer/find-manifest.js';
import type { LocalFunction } from '../sandbox/local-function.js';

/**
 * Sets the runtime's mode to `web` for HTTP requests to a PHP script, such as `public/index.php`, unless the function or one of its
 * layers has a mode. Other handlers receive the event and return the response themselves.
 */
export async function inWebMode(fn: LocalFunction): Promise<LocalFunction> {
  if (MODE_VARIABLE in fn.env || !fn.handler.endsWith('.php')) return fn;
  const manifests = await Promise.all(fn.layers.map((layer) => findManifest(layer)));
  if (manifests.some((manifest) => manifest?.mode !== undefined)) return fn;
  return { ...fn, env: { ...fn.env, [MODE_VARIABLE]: 'web' } };
}
