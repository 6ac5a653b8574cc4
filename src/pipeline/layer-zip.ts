import { rm } from 'node:fs/promises';
import { checkLayerTree } from '../layer/check-layer.js';
import { assembleLayerTree } from '../layer/layer-tree.js';
import type { Manifest } from '../layer/manifest.js';
import { writeZip } from '../layer/zip-writer.js';
import type { Recipe } from '../recipe/recipe.js';
import type { StoredItem } from '../store/store.js';
import type { BuildContext } from './build-context.js';
import { layerParts } from './layer-parts.js';

export interface LayerZip {
  readonly recipe: Recipe;
  /** The root stage's artifact. */
  readonly artifact: StoredItem;
  readonly manifest: Manifest;
  readonly context: BuildContext;
}

/** Assembles a layer's tree, checks it, and writes it to `path` as a zip. Throws LayerError for what Lambda would refuse. */
export async function writeLayerZip(path: string, input: LayerZip): Promise<void> {
  const { recipe, artifact, manifest, context } = input;
  const { bootstrap } = layerParts(recipe);
  const spool = `${path}.spool`;
  const view = context.reporter.stage('layer', await context.store.lastSeconds(`layer:${recipe.name}`));
  const started = context.now();
  try {
    const tree = await assembleLayerTree({ recipe, artifact: artifact.path, bootstrap, manifest, spool });
    await checkLayerTree(tree);
    view.doing('zipping');
    await writeZip(path, tree);
    await context.store.rememberSeconds(`layer:${recipe.name}`, (context.now() - started) / 1000);
    view.finished('built');
  } catch (error) {
    view.failed();
    throw error;
  } finally {
    await rm(spool, { force: true });
  }
}
