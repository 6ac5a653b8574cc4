import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  advisoriesFolder,
  describeAdvisories,
  openAdvisories,
  type LayerAdvisories,
} from '../../../src/cli/layer-advisories.js';
import { run } from '../../../src/cli/run.js';
import { RecipeError } from '../../../src/core/errors.js';
import { findProject } from '../../../src/definition/project.js';
import { openRecipeLibrary, parseRecipeName } from '../../../src/recipe/recipe-library.js';
import { planFor, type Plan } from '../../../src/recipe/plan.js';
import { failure } from '../../support/failure.js';
import { fakeIo } from '../../support/fake-io.js';
import { recipeFolder } from '../../support/recipe-files.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

function osv(id: string, name: string | undefined, fixed = '99'): string {
  const ranges = [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed }] }];
  const affected = name === undefined ? [] : [{ package: { ecosystem: 'generic', name }, ranges }];
  return JSON.stringify({ id, modified: '2024-01-01T00:00:00Z', affected });
}

/** A folder with two libraries that share one, and these advisories. */
async function advisedFolder(files: Readonly<Record<string, string>>): Promise<TemporaryFolder> {
  const folder = await recipeFolder({ 'a/1': ['zlib'], 'b/1': ['zlib'], 'zlib/1.3': [] });
  await folder.write(files);
  return folder;
}

async function planned(folder: TemporaryFolder, ...names: readonly string[]): Promise<readonly Plan[]> {
  const library = await openRecipeLibrary([folder.path]);
  return Promise.all(names.map((name) => planFor(parseRecipeName(name), library, [])));
}

/** What is said about plans, and the warnings. */
async function about(
  folder: TemporaryFolder,
  ...names: readonly string[]
): Promise<{
  readonly found: readonly (LayerAdvisories | undefined)[];
  readonly warnings: readonly string[];
}> {
  const plans = await planned(folder, ...names);
  const warnings: string[] = [];
  const check = openAdvisories(join(folder.path, 'db'), { plans, warn: (line) => warnings.push(line) });
  return { found: await Promise.all(plans.map((plan) => check.about(plan))), warnings };
}

test('each layer has the advisories about its own packages, each id once', async () => {
  await using folder = await advisedFolder({
    'db/1.json': osv('OSV-1', 'a'),
    'db/2.json': osv('OSV-2', 'zlib'),
    'db/3.json': osv('OSV-3', 'b', '0.1'),
    'db/4.json': osv('OSV-4', 'other'),
    'db/5.json': osv('OSV-5', undefined),
  });
  const { found, warnings } = await about(folder, 'a/1', 'b/1');
  expect(found).toEqual([
    { read: 5, applies: ['OSV-1', 'OSV-2'], undecided: ['OSV-5'] },
    { read: 5, applies: ['OSV-2'], undecided: ['OSV-5'] },
  ]);
  expect(warnings).toEqual([]);
});

test.each([
  ['broken ones', { 'db/1.json': '{' }, /^no advisories were compared: 1 file is not JSON \(.*1\.json:1:2/],
  ['none', { 'db/notes.txt': '' }, /^no advisory found in .*\/db, which/],
])('with %s there is a warning, once, and nothing is said', async (_name, files, warning) => {
  await using folder = await advisedFolder(files);
  const { found, warnings } = await about(folder, 'a/1', 'b/1');
  expect(found).toEqual([undefined, undefined]);
  expect(warnings).toEqual([expect.stringMatching(warning)]);
});

test.each([
  [{ applies: [], undecided: [] }, 'advisories: none of 57 apply to shop'],
  [
    { applies: ['A', 'B'], undecided: ['C'] },
    'advisories: 2 of 57 apply to shop (A, B), 1 cannot be decided; `layersmith advisories shop` tells more',
  ],
  [
    { applies: ['1', '2', '3', '4', '5', '6', '7'], undecided: [] },
    'advisories: 7 of 57 apply to shop (1, 2, 3, 4, 5, and 2 more); `layersmith advisories shop` tells more',
  ],
])('the line is short, whatever was found', (found, line) => {
  expect(describeAdvisories({ read: 57, ...found }, { name: 'shop', target: 'shop' })).toBe(line);
});

test('the folder is relative to layersmith.yaml', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'layersmith.yaml': 'advisories: ./db\n', 'db/x.json': '{}', 'src/x': '' });
  const project = await findProject(join(folder.path, 'src'));
  expect(await advisoriesFolder(project)).toBe(join(folder.path, 'db'));
});

test.each([
  ['missing', '# none\nadvisories: ../nowhere\n', 'is missing'],
  ['a file', '\nadvisories: layersmith.yaml\n', 'is not a folder'],
])('a folder that is %s stops a build before it starts, at its place', async (_name, text, message) => {
  await using folder = await temporaryFolder();
  await folder.write({ 'layersmith.yaml': text });
  const error = await failure(advisoriesFolder(await findProject(folder.path)), RecipeError);
  expect(error.problems).toMatchObject([{ line: 2, column: 13 }]);
  expect(error.message).toContain(message);
  const io = fakeIo(folder.path);
  expect(await run(['build', 'lua/5.4'], io)).toBe(65);
  expect(io.stderr()).toContain(`${join(folder.path, 'layersmith.yaml')}:2:13: `);
});
