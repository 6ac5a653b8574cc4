import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UsageError } from '../core/errors.js';
import { layerName } from '../definition/layer-definition.js';
import { findProject } from '../definition/project.js';
import type { Io } from './io.js';

/** The folder that `layersmith build` writes to, below the working directory. */
export const OUTPUT_FOLDER = 'dist';

/**
 * Returns the paths of the layers that an argument names: a layer of layersmith.yaml with its zips in the output folder, one
 * for each platform and architecture, or a zip or folder. `./shop` is a folder, whatever names layersmith.yaml has. Throws
 * UsageError for a layer that has not been built, or of which there are several versions.
 */
export async function layerFiles(io: Io, text: string): Promise<readonly string[]> {
  // A path is not looked up, so that an invalid layersmith.yaml does not matter to it.
  const { layers } = layerName.safeParse(text).success ? await findProject(io.cwd) : { layers: [] };
  const layer = layers.find(({ name }) => name === text);
  if (layer === undefined) return [resolve(io.cwd, text)];
  const folder = join(io.cwd, OUTPUT_FOLDER);
  const names = await readdir(folder).catch(() => []);
  return layer.platforms.flatMap(({ name: platform }) =>
    layer.architectures.map((arch) => {
      const [found, another] = names.filter((name) => isZipOf(name, { layer: layer.name, platform, arch }));
      if (found === undefined) {
        throw new UsageError(`the layer ${text} for ${platform} ${arch} is not in ${OUTPUT_FOLDER}`, {
          hint: `Build it with \`layersmith build ${text}\`, or name a zip.`,
        });
      }
      if (another !== undefined) {
        throw new UsageError(
          `${OUTPUT_FOLDER} has several versions of the layer ${text}: ${found}, ${another}`,
          {
            hint: 'Name one of the zips.',
          },
        );
      }
      return join(folder, found);
    }),
  );
}

/** Returns the path of the layer that an argument names. Throws UsageError if it stands for several. */
export async function layerFile(io: Io, text: string): Promise<string> {
  const files = await layerFiles(io, text);
  const [file] = files;
  if (file !== undefined && files.length === 1) return file;
  throw new UsageError(`the layer ${text} has ${files.length} zips`, {
    hint: `Name one of them: ${files.join(', ')}.`,
  });
}

function isZipOf(
  name: string,
  { layer, platform, arch }: { readonly layer: string; readonly platform: string; readonly arch: string },
): boolean {
  const [start, end] = [`${layer}-`, `-${platform}-${arch}.zip`];
  return (
    name.startsWith(start) && name.endsWith(end) && /^[0-9][^-]*$/.test(name.slice(start.length, -end.length))
  );
}
