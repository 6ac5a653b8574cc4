import { UsageError } from '../../core/errors.js';
import { interpreterOf, type Manifest } from '../../layer/manifest.js';
import type { Runtime } from '../../runtime/runtime.js';
import { RUNTIMES, runtimeNamed } from '../../runtime/runtimes.js';

/** Whether `package` can compile code for a runtime and pack its libraries. */
const isPackaged = ({ compiler, vendor }: Runtime): boolean => compiler !== undefined && vendor !== undefined;

/**
 * Returns the runtime of the layer for which packages are made, by the interpreter in its manifest. Throws UsageError, with the
 * path `layer`, if code for that runtime is not compiled.
 */
export function bundleRuntime(manifest: Manifest, layer: string): Runtime {
  const runtime = runtimeNamed(interpreterOf(manifest));
  if (runtime !== undefined && isPackaged(runtime)) return runtime;
  const languages = RUNTIMES.filter(isPackaged).map(({ language }) => language);
  throw new UsageError(
    `${layer} is a layer of ${manifest.recipe}: only packages for ${languages.join(' and ')} can be compiled`,
    {
      hint: `Name a layer of ${languages.join(' or ')} that \`layersmith build\` made, or use --no-precompile.`,
    },
  );
}
