import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { fetcherFor, storeFolder } from '../../../src/cli/session.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import type { Bundle, Recipe } from '../../../src/recipe/recipe.js';
import { openStore } from '../../../src/store/store.js';
import { fakeIo } from '../../support/fake-io.js';
import { BUILT_IN_RECIPES, loadRecipe } from '../../support/recipe-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const run = promisify(execFile);

const library = await openRecipeLibrary([BUILT_IN_RECIPES]);
const lines = await Promise.all(library.names().map((name) => loadRecipe(library, name)));
/** The recipe of every release of every line. */
const recipes = await Promise.all(
  lines.flatMap((line) =>
    line.releases.length === 1
      ? [Promise.resolve(line)]
      : line.releases.map(({ version }) => loadRecipe(library, `${line.package}/${version}`)),
  ),
);
const withVersions = recipes.filter(({ bundles }) => bundles.some(({ version }) => version !== undefined));

test('PHP has bundles with versions', () => {
  const names = withVersions.map(({ name, version }) => `${name} ${version}`);
  expect(names).toEqual(expect.arrayContaining(['php/7.4 7.4.33', 'php/8.2 8.2.32', 'php/8.4 8.4.24']));
});

test.each(withVersions.map((recipe) => [`${recipe.name} ${recipe.version}`, recipe] as const))(
  'what %s bundles is in its sources, in the version of the recipe',
  async (_name, recipe) => {
    await using folder = await temporaryFolder();
    const paths = recipe.bundles.flatMap(({ from }) => from);
    await unpack(await tarballOf(recipe), { paths, into: folder.path });
    const found = await Promise.all(recipe.bundles.map((bundle) => versionIn(folder.path, bundle)));
    expect(found).toEqual(recipe.bundles.map(({ name, version }) => ({ name, version })));
  },
);

async function tarballOf({ sources }: Recipe): Promise<string> {
  const io = fakeIo(homedir(), { env: process.env, now: Date.now });
  const store = await openStore(storeFolder(io, undefined), () => undefined);
  const fetcher = fetcherFor(io, { sources: undefined, offline: false }, { store, report: () => undefined });
  const [source] = sources;
  if (source === undefined) throw new Error('the recipe has no source');
  return (await fetcher.fetch(source, io.signal)).path;
}

/** Unpacks those of the paths that are in the tarball, without its top folder. */
async function unpack(
  tarball: string,
  { paths, into }: { readonly paths: readonly string[]; readonly into: string },
): Promise<void> {
  const { stdout } = await run('tar', ['-tf', tarball], { maxBuffer: 64 * 1024 ** 2 });
  const wanted = new Set(paths);
  const members = stdout.split('\n').filter((member) => wanted.has(member.replace(/^(\.\/)?[^/]*\//, '')));
  await run('tar', ['-xf', tarball, '-C', into, '--strip-components=1', ...members]);
}

/** A bundle without a pattern has a file that shows that it is there, but no version. */
async function versionIn(
  tree: string,
  { name, from, pattern }: Bundle,
): Promise<{ readonly name: string; readonly version: string | undefined }> {
  const path = from.find((each) => existsSync(join(tree, each)));
  if (path === undefined) throw new Error(`${name}: the source has no ${from.join(' or ')}`);
  if (pattern === undefined) return { name, version: undefined };
  const parts = new RegExp(pattern).exec(await readFile(join(tree, path), 'utf8'));
  if (parts === null) throw new Error(`${name}: no version in ${path}`);
  return { name, version: parts.slice(1).join('.') };
}
