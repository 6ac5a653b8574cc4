import { expect, test } from 'vitest';
import { UsageError } from '../../../../src/core/errors.js';
import { bundleRuntime } from '../../../../src/pipeline/bundle/bundle-runtime.js';
import { failure } from '../../../support/failure.js';
import { manifestWith } from '../../../support/manifest.js';

test('the interpreter of the manifest decides, whatever the recipe is called', () => {
  const manifest = manifestWith({ recipe: 'php-with-gd/8.4', interpreter: 'php' });
  expect(bundleRuntime(manifest, 'a.zip').name).toBe('php');
});

test('a manifest without an interpreter is that of an older layer, whose recipe was called like its interpreter', () => {
  expect(bundleRuntime(manifestWith({ recipe: 'php/8.2' }), 'a.zip').name).toBe('php');
});

test.each([
  [{ recipe: 'lua/5.4' }],
  [{ recipe: 'php/8.4', interpreter: 'lua' }],
  [{ recipe: 'php/8.4', interpreter: 'perl' }],
])('a layer of %j is refused', async (changes) => {
  const asked = Promise.resolve().then(() => bundleRuntime(manifestWith(changes), 'a.zip'));
  const error = await failure(asked, UsageError);
  expect(error.message).toContain(changes.recipe);
});
