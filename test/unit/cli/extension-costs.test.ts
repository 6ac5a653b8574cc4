import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { costsPage } from '../../../bench/extension-costs-page.js';
import { readExtensionCosts } from '../../../src/cli/extension-costs.js';
import { run } from '../../../src/cli/run.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { fakeIo, PACKAGE_ROOT } from '../../support/fake-io.js';
import { BUILT_IN_RECIPES, extensionYaml, interpreterYaml, lineYaml } from '../../support/recipe-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const COSTS = {
  'made-up/2': {
    version: '2.0.0',
    platform: 'provided.al2023',
    architecture: 'x86_64',
    zipBytes: 9_843_122,
    extensions: {
      cache: { version: '6.1.0', zipBytes: 123_456, start: 1.024 },
      own: { version: '2.0.0', zipBytes: 2_000, start: 1 },
    },
  },
};

test('extensions shows what was measured, and where it was another version', async () => {
  await using folder = await temporaryFolder();
  const mine = (lines: readonly string[] = []): string =>
    extensionYaml(lines).replace('of: php', 'of: made-up');
  const recipes = {
    'stage.sh': '',
    'extension-costs.json': JSON.stringify(COSTS),
    'made-up/package.yaml': interpreterYaml('2', ['json']),
    'made-up/build.sh': '',
    'made-up/2.yaml': lineYaml('2.0.1'),
    'cache/package.yaml': mine(),
    'cache/build.sh': '',
    'cache/6.yaml': lineYaml('6.2.0'),
    'own/package.yaml': mine(['bundled: true']),
    'own/build.sh': '',
    'new/package.yaml': mine(),
    'new/build.sh': '',
    'new/1.yaml': lineYaml('1.0.0'),
  };
  await folder.write(Object.fromEntries(Object.entries(recipes).map(([p, text]) => [`recipes/${p}`, text])));
  const io = fakeIo(folder.path, { packageRoot: folder.path });
  expect({ exitCode: await run(['extensions', 'made-up'], io), stderr: io.stderr() }).toEqual({
    exitCode: 0,
    stderr: '',
  });
  expect(io.stdout().split('\n').slice(0, 6)).toEqual([
    'cache  6.2.0  +123.5 KB  1.02 ×*  something made up',
    'new    1.0.0                      something made up',
    'own    2.0.1    +2.0 KB  1.00 ×   something made up',
    '',
    'What it adds to the zip, with all that it brings, and the CPU time of a start in times of one without',
    'extensions: measured with made-up 2.0.0. * with another version of the extension',
  ]);
  const json = fakeIo(folder.path, { packageRoot: folder.path });
  await run(['extensions', 'made-up', '--json'], json);
  expect(JSON.parse(json.stdout())).toMatchObject({
    measuredWith: '2.0.0',
    extensions: [{ name: 'cache', cost: { version: '6.1.0', zipBytes: 123_456 } }, { name: 'new' }, {}],
  });
});

test('the page has the same figures as the data', async () => {
  const page = await readFile(join(PACKAGE_ROOT, 'docs', 'extension-costs.md'), 'utf8');
  expect(page).toBe(costsPage(await readExtensionCosts(PACKAGE_ROOT)));
  expect(costsPage(COSTS)).toContain('| cache     | 6.1.0   | +123.5 KB | 1.02 × |\n');
});

test('what was measured are lines and extensions that there are', async () => {
  const library = await openRecipeLibrary([BUILT_IN_RECIPES]);
  const known = await library.packages('extension');
  for (const [base, { extensions }] of Object.entries(await readExtensionCosts(PACKAGE_ROOT))) {
    expect(library.names()).toContain(base);
    expect(known).toEqual(expect.arrayContaining(Object.keys(extensions)));
  }
});
