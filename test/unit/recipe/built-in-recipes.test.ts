import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isSha256 } from '../../../src/core/digest.js';
import { planFor, type Plan } from '../../../src/recipe/plan.js';
import { openRecipeLibrary, parseRecipeName } from '../../../src/recipe/recipe-library.js';
import { packageSchema } from '../../../src/recipe/recipe-schema.js';
import { isOfLine } from '../../../src/recipe/release.js';
import { BUILT_IN_RECIPES, loadRecipe } from '../../support/recipe-files.js';

const library = await openRecipeLibrary([BUILT_IN_RECIPES]);
const names = library.names();
const packages = [...new Set(names.map((name) => parseRecipeName(name).package))];

test('there are the lines that the issue lists', () => {
  const listed = [
    'php/7.3',
    'php/7.3.0',
    'php/7.4',
    'php/8.2',
    'php/8.3',
    'php/8.4',
    'php/8.5',
    'lua/5.4',
    'openssl/1.0.1',
    'openssl/1.1.1',
    'openssl/3.5',
  ];
  expect(names).toEqual(expect.arrayContaining(listed));
});

test('OpenSSL has its own license until 1.1.1, and the Apache license after', async () => {
  const licenses = await Promise.all(
    ['openssl/1.0.1', 'openssl/1.1.1', 'openssl/3.5'].map(
      async (name) => (await loadRecipe(library, name)).license,
    ),
  );
  expect(licenses).toEqual(['OpenSSL', 'OpenSSL', 'Apache-2.0']);
});

test.each([
  ['php/8.4.24', '8.4.24', 'openssl/3.5'],
  ['php/8.2.32', '8.2.32', 'openssl/3.5'],
  ['php/7.4', '7.4.33', 'openssl/1.1.1'],
  ['php/7.3', '7.3.33', 'openssl/1.0.1'],
  ['php/7.3.0', '7.3.0', 'openssl/1.0.1k'],
])('%s is %s on %s', async (name, version, openssl) => {
  const plan = await planFor(parseRecipeName(name), library);
  expect(plan.root.recipe.version).toBe(version);
  expect(plan.stages.map(({ recipe }) => recipe.name)).toContain(openssl);
});

test.each([
  ['php/7.4', []],
  ['php/8.2', ['random']],
  ['php/8.4', ['random']],
  ['php/8.5', ['lexbor', 'random', 'uri']],
])('%s has what is always compiled into its version', async (name, more) => {
  const compiledIn = (await loadRecipe(library, name)).layer?.extensions ?? [];
  const since72 = (await loadRecipe(library, 'php/7.3')).layer?.extensions ?? [];
  expect(since72).toEqual(
    expect.arrayContaining(['core', 'hash', 'json', 'opcache', 'reflection', 'sodium']),
  );
  expect([...compiledIn].sort()).toEqual([...since72, ...more].sort());
});

test.each(names.filter((name) => name.startsWith('php/')))(
  '%s has a variant minimal, which has less, and everything that bin/php is linked with',
  async (name) => {
    const [all, minimal] = await Promise.all(
      [name, `${name}-minimal`].map(async (each) => planFor(parseRecipeName(each), library)),
    );
    const [more = [], less = []] = [all, minimal].map((plan) => plan?.root.recipe.layer?.extensions);
    expect(more).toEqual(expect.arrayContaining([...less]));
    expect(less).toEqual(expect.arrayContaining(['json', 'mbstring', 'openssl', 'session', 'zlib']));
    expect(less).not.toContain('curl');
    const stages = minimal?.stages.map(({ recipe }) => recipe.package).sort();
    expect(stages).toEqual(['openssl', 'php', 'php-lambda', 'yyjson', 'zlib']);
  },
);

/** The plan of a recipe; that of an extension with the newest line of its interpreter that it supports. */
async function planWith(name: string): Promise<Plan> {
  const { extension } = await loadRecipe(library, name);
  if (extension === undefined) return planFor(parseRecipeName(name), library);
  const lines = names.filter((each) => each.startsWith(`${extension.of}/`)).reverse();
  const plans = lines.map((line) =>
    planFor(parseRecipeName(line), library, [{ ...parseRecipeName(name), position: undefined }]),
  );
  const found = (await Promise.allSettled(plans)).find((each) => each.status === 'fulfilled');
  if (found === undefined) throw new Error(`no line of ${extension.of} is supported: ${lines.join(', ')}`);
  return found.value;
}
test('the releases of October and November 2026, and what they fix, are known', async () => {
  const { releases } = await loadRecipe(library, 'php/8.4');
  expect(releases.map(({ version }) => version)).toEqual(['8.4.28', '8.4.27', '8.4.24']);
  expect(releases[1]?.security).toContain('CVE-2026-109618');
  const old = releases[2]?.sources[0]?.alternatives[0];
  expect(old?.debian).toBe('pool/main/p/php8.4/php8.4_8.4.24.orig.tar.xz');
});

test('libxml2 2.9 closes the holes that Debian has patches for', async () => {
  const { patches, buildFiles } = await loadRecipe(library, 'libxml2/2.9');
  const closed = patches.flatMap(({ resolves }) => resolves);
  for (const id of ['CVE-2022-40303', 'CVE-2025-49794', 'CVE-2025-49796', 'CVE-2026-0989'])
    expect(closed).toContain(id);
  expect(buildFiles.get('build.sh')).toBe(join(BUILT_IN_RECIPES, 'patched.sh'));
});

test('php/8.5 has opcache compiled in: its php.ini loads no module, and is otherwise that of the other lines', async () => {
  const { layer, layerFiles } = await loadRecipe(library, 'php/8.5');
  expect(layer?.files).toEqual([]);
  const ini = async (files: ReadonlyMap<string, string>): Promise<string> =>
    readFile(files.get('etc/php/php.ini') ?? '', 'utf8');
  const others = await ini((await loadRecipe(library, 'php/8.4')).layerFiles);
  expect(await ini(layerFiles)).toBe(others.replace('zend_extension = opcache\n', ''));
});

describe.each(names)('%s', (name) => {
  test('can be planned', async () => {
    const plan = await planWith(name);
    expect(plan.stages.map(({ recipe }) => recipe.name)).toContain(name);
    for (const [index, stage] of plan.stages.entries()) {
      for (const need of stage.needs) expect(plan.stages.indexOf(need)).toBeLessThan(index);
    }
  });

  test('pins each source of each release by sha256, the preferred file with a URL, on https', async () => {
    const { releases, kind } = await loadRecipe(library, name);
    for (const { version, sources } of releases) {
      if (kind !== 'tool') expect(sources.length, version).toBeGreaterThan(0);
      for (const { alternatives } of sources) {
        // Debian's repacks and patches are on Debian's mirrors alone.
        const elsewhere = alternatives.filter((file) => !/\.(orig|debian)\.tar\./.test(file.name));
        if (alternatives.length === 1 && elsewhere.length === 0) continue;
        expect(alternatives[0]?.urls.length).toBeGreaterThan(0);
      }
      for (const file of sources.flatMap(({ alternatives }) => alternatives)) {
        expect(isSha256(file.sha256), file.name).toBe(true);
        for (const url of file.urls) expect(url).toMatch(/^https:\/\//);
      }
    }
  });

  test('names the place in the pool of every archive with patches, since no index has those', async () => {
    for (const { sources, patches } of (await loadRecipe(library, name)).releases)
      for (const { alternatives } of sources.filter((each) =>
        patches.some(({ source }) => source === each.name),
      ))
        for (const file of alternatives) expect(file.debian?.endsWith(`/${file.name}`), file.name).toBe(true);
  });

  test('has a version that its line is the beginning of, and files that exist', async () => {
    const { line, releases, buildFiles, smokeFiles, layerFiles } = await loadRecipe(library, name);
    for (const { version } of releases) expect(isOfLine(version, line), version).toBe(true);
    for (const path of [...buildFiles.values(), ...smokeFiles.values(), ...layerFiles.values()])
      expect(existsSync(path), path).toBe(true);
  });
});

describe.each(packages)('the package %s', (name) => {
  test('has a default line that exists', async () => {
    const recipe = await loadRecipe(library, name);
    expect(names).toContain(recipe.name);
  });

  test('describes no bundle that none of its lines has', async () => {
    const described = await readFile(join(BUILT_IN_RECIPES, name, 'package.yaml'), 'utf8');
    const lines = names.filter((line) => line.startsWith(`${name}/`));
    const recipes = await Promise.all(lines.map((line) => loadRecipe(library, line)));
    const { bundles } = packageSchema.parse(parse(described));
    const used = recipes.flatMap((recipe) => recipe.bundles.map((bundle) => bundle.name));
    expect(Object.keys(bundles).filter((bundle) => !used.includes(bundle))).toEqual([]);
  });

  test('keeps the texts of its license for the layer', async () => {
    const { buildFiles, kind } = await loadRecipe(library, name);
    const own = buildFiles.get('own/build.sh') ?? buildFiles.get('build.sh') ?? '';
    const script = await readFile(own, 'utf8');
    // build_extension of recipes/php/extension.sh keeps those of an extension.
    if (kind !== 'tool') expect(script).toMatch(/(^|then|else) *(licence|build_extension) \S/m);
  });

  test('has no patch for a version that no line has', async () => {
    const lines = names.filter((line) => line.startsWith(`${name}/`));
    const recipes = await Promise.all(lines.map((line) => loadRecipe(library, line)));
    const versions = recipes.flatMap(({ releases }) => releases.map(({ version }) => version));
    const folder = join(BUILT_IN_RECIPES, name, 'patches');
    const patches = existsSync(folder) ? await readdir(folder) : [];
    for (const patch of patches)
      expect(
        versions.some((version) => patch.startsWith(`${version}-`)),
        patch,
      ).toBe(true);
  });
});

test('every interpreter has smoke tests: the version, five hundred greetings, and a handler that fails', async () => {
  const checked: string[] = [];
  for (const name of names) {
    const { kind, layer, smoke } = await loadRecipe(library, name);
    if (kind !== 'interpreter') continue;
    checked.push(name);
    expect([...(layer?.files ?? []), ...(layer?.parts ?? [])], name).not.toEqual([]);
    expect(
      smoke?.programs.some(({ stdout }) => stdout.some((text) => text.includes('${version}'))),
      name,
    ).toBe(true);
    expect(smoke?.invocations, name).toContainEqual(
      expect.objectContaining({
        handler: 'hello',
        event: { name: 'World' },
        times: 500,
        expected: { kind: 'text', body: 'Hello, World!' },
      }),
    );
    expect(
      smoke?.invocations.some(({ expected }) => expected.kind === 'error'),
      name,
    ).toBe(true);
  }
  expect(checked).toEqual(expect.arrayContaining(['lua/5.4', 'php/8.4']));
});
