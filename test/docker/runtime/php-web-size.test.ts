import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { builtLayerWith } from '../../support/built-layer.js';
import { packageRoot } from '../../support/cli.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { readZipEntries } from '../../support/zip.js';

// What the server adds to bin/php, beside PHP's command line alone (fixtures/php/cli).

const MAX_BYTES = 100 * 1024;

test.each(['php/8.4', 'php/7.4'])('the server adds at most 100 KB to the program of %s', async (recipe) => {
  await using folder = await temporaryFolder();
  await cp(join(packageRoot, 'test', 'fixtures', 'php', 'cli'), join(folder.path, 'php-cli'), {
    recursive: true,
  });
  await using layer = await builtLayerWith(recipe, ['--recipes', folder.path, '--with', 'php-cli']);
  const entries = await readZipEntries(layer.zip);
  const sizeOf = (path: string): number =>
    entries.find(({ name }) => name === path)?.content.length ?? Number.NaN;
  const added = sizeOf('bin/php') - sizeOf('bin/php-cli');
  expect(added).toBeGreaterThan(0);
  expect(added).toBeLessThanOrEqual(MAX_BYTES);
});
