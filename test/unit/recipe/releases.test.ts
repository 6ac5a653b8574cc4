import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/core/errors.js';
import { planFor } from '../../../src/recipe/plan.js';
import {
  openRecipeLibrary,
  parseRecipeName,
  type RecipeLibrary,
} from '../../../src/recipe/recipe-library.js';
import { lineSchema } from '../../../src/recipe/recipe-schema.js';
import {
  isOfLine,
  nearestVersions,
  newestRelease,
  releasesOfLayer,
  type ReleaseOf,
} from '../../../src/recipe/release.js';
import { parseYaml } from '../../../src/core/yaml-file.js';
import { failure } from '../../support/failure.js';
import {
  extensionYaml,
  interpreterYaml,
  lineYaml,
  loadRecipe,
  recipeFolder,
  releasesYaml,
} from '../../support/recipe-files.js';

const RELEASES = releasesYaml([
  { version: '8.4.28', security: ['CVE-2026-2', 'CVE-2026-3'] },
  { version: '8.4.27', security: ['CVE-2026-1'] },
  { version: '8.4.24' },
]);

function problemsOf(text: string): readonly string[] {
  const parsed = parseYaml(text, { file: 'php/8.4.yaml', schema: lineSchema });
  return parsed.ok ? [] : parsed.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

/** A library with the three releases of php/8.4, and recipes beside it. */
async function folderOf(more: Readonly<Record<string, string>> = {}) {
  return recipeFolder({ 'php/8.4': [], 'zlib/1.3': [] }, { 'php/8.4.yaml': RELEASES, ...more });
}

/** Chooses one release of php/8.4, and of other lines the newest; a release that was asked for comes first. */
function choosing(version: string): ReleaseOf {
  return async (request) =>
    request.exact ??
    request.releases.find((release) => request.name === 'php/8.4' && release.version === version) ??
    newestRelease(request);
}

async function versionOf(library: RecipeLibrary, name: string): Promise<string> {
  return (await loadRecipe(library, name)).version;
}

describe("a line's file", () => {
  test('has one release at its top, or a list of them', () => {
    expect(problemsOf(RELEASES)).toEqual([]);
    expect(problemsOf(lineYaml('8.4.1'))).toEqual([]);
  });

  test('has not both: each key that is one too many is a problem', () => {
    expect(problemsOf(`${lineYaml('8.4.1')}${RELEASES.replace(/^needs.*\n/, '')}`)).toEqual([
      expect.stringMatching(/^1:10 `version`: .*remove this one/),
      expect.stringMatching(/^4:3 `sources`: .*remove this one/),
    ]);
  });

  test('has one of them, also if something else is wrong', () => {
    expect([...problemsOf('needz: []\n')].sort()).toEqual([
      expect.stringMatching(/`sources` is missing/),
      expect.stringMatching(/`version` is missing/),
      expect.stringMatching(/unknown key `needz`.*needs/),
    ]);
  });

  test('lists its releases once each, newest first, and names advisories', () => {
    const wrong = releasesYaml([
      { version: '8.4.24' },
      { version: '8.4.27', security: ['a hole'] },
      { version: '8.4.27' },
    ]);
    expect(problemsOf(wrong)).toEqual([
      expect.stringMatching(/^6:14 `releases.1.version`: 8\.4\.27 is newer .*newest first/),
      expect.stringMatching(/^7:16 `releases.1.security.0`: an advisory is CVE/),
      expect.stringMatching(/^9:14 `releases.2.version`: 8\.4\.27 is listed twice/),
    ]);
    expect(problemsOf('releases: []\n')).toEqual([expect.stringContaining('at least one release')]);
  });

  test('has patches, each with what it closes, where it has sources', () => {
    const withPatches = (patches: string): readonly string[] =>
      problemsOf(`${lineYaml('8.4.1')}patches: ${patches}\n`);
    expect(withPatches('{ fixes: { patches/a.patch: [CVE-2026-1], b.patch: [] } }')).toEqual([]);
    expect(
      withPatches('{ fixes: { a.patch: a hole, ../b.patch: [], c d.patch: [], c.patch: [hole] } }'),
    ).toEqual([
      expect.stringMatching(/`patches.fixes.a.patch`/),
      expect.stringMatching(/a path is relative to the source/),
      expect.stringMatching(/the path of a patch has no spaces/),
      expect.stringMatching(/an advisory is CVE/),
    ]);
    expect(problemsOf(`${RELEASES}patches: { fixes: { a.patch: [] } }\n`)).toEqual([
      expect.stringMatching(/`patches`: .*remove this one/),
    ]);
  });

  test.each([
    'https://mirror.example/pool/main/p/php8.4/x.tar.xz',
    'pool/main/../../x.tar.xz',
    'pool/main/p/x.tar.xz',
  ])('names the place of a file in Debian below a mirror: %s is refused', (debian) => {
    const file = `{ file: a.tar.xz, sha256: '${'a'.repeat(64)}', urls: [], debian: '${debian}' }`;
    expect(problemsOf(`version: '1'\nsources: { main: [${file}] }\n`)).toEqual([
      expect.stringContaining('a path in the pool of a Debian archive'),
    ]);
  });
});

describe('a library', () => {
  test('takes the newest release of a line, or the one that is chosen for it', async () => {
    await using folder = await folderOf();
    const library = await openRecipeLibrary([folder.path]);
    expect(await versionOf(library, 'php/8.4')).toBe('8.4.28');
    const chosen = await loadRecipe(library.choosing(choosing('8.4.24')), 'php/8.4');
    expect(chosen).toMatchObject({ name: 'php/8.4', line: '8.4', version: '8.4.24' });
    expect(chosen.sources[0]?.alternatives[0]?.name).toBe('main-8.4.24.tar.gz');
    // One view of the library does not change another.
    expect(await versionOf(library, 'php/8.4')).toBe('8.4.28');
  });

  test('knows each release by its version: it is of its line, with the patches of its version', async () => {
    const files = { 'php/patches/8.4.24-a.patch': '', 'php/patches/8.4.28-b.patch': '' };
    await using folder = await folderOf(files);
    const library = (await openRecipeLibrary([folder.path])).choosing(choosing('8.4.28'));
    const old = await loadRecipe(library, 'php/8.4.24');
    expect(old).toMatchObject({ name: 'php/8.4', line: '8.4', version: '8.4.24' });
    expect([...old.buildFiles.keys()]).toEqual(['build.sh', 'patches/8.4.24-a.patch']);
    expect([...(await loadRecipe(library, 'php/8.4')).buildFiles.keys()]).toEqual([
      'build.sh',
      'patches/8.4.28-b.patch',
    ]);
  });

  test('prefers a line that is named like a release', async () => {
    await using folder = await folderOf({ 'php/8.4.27.yaml': lineYaml('8.4.27') });
    const library = await openRecipeLibrary([folder.path]);
    expect(await loadRecipe(library, 'php/8.4.27')).toMatchObject({ name: 'php/8.4.27', line: '8.4.27' });
    expect(await loadRecipe(library, 'php/8.4.24')).toMatchObject({ name: 'php/8.4', version: '8.4.24' });
  });

  test.each([
    ['php/8.4.26', 'Did you mean php/8.4.24 or php/8.4.27?'],
    ['php/8.4.1', 'Did you mean php/8.4.24?'],
    ['php/8.4.99', 'Did you mean php/8.4.28?'],
  ])('refuses the unknown release %s with its neighbours', async (name, message) => {
    await using folder = await folderOf();
    const library = await openRecipeLibrary([folder.path]);
    const error = await failure(library.load(parseRecipeName(name)), UsageError);
    expect(error.message).toBe(`${name} is not a known release of php/8.4. ${message}`);
    expect(error.hint).toContain('layersmith recipes php/8.4');
  });
});

describe("patches in another source's tree", () => {
  const SOURCE = (name: string): string =>
    `${name}: [{ file: ${name}.tar.gz, sha256: '${'a'.repeat(64)}', urls: [] }]`;
  const LINE = (patches: string): string => `releases:
  - version: '8.4.2'
    sources: { ${SOURCE('main')} }
  - version: '8.4.1'
    sources: { ${SOURCE('main')}, ${SOURCE('fixes')} }
    patches: ${patches}
`;
  const FIXES = '{ fixes: { z.patch: [CVE-2026-1, CVE-2026-2], a.patch: [] } }';
  const folderWith = (patches: string, files: Readonly<Record<string, string>>) =>
    recipeFolder({ 'php/8.4': [] }, { 'php/8.4.yaml': LINE(patches), ...files });

  test('are those of the release, in the order of the file; a script that applies them stands for build.sh', async () => {
    await using folder = await folderWith(FIXES, { 'patched.sh': '' });
    const library = await openRecipeLibrary([folder.path]);
    const [patched, newest] = [await loadRecipe(library, 'php/8.4.1'), await loadRecipe(library, 'php/8.4')];
    expect(patched.patches).toEqual([
      { source: 'fixes', path: 'z.patch', resolves: ['CVE-2026-1', 'CVE-2026-2'] },
      { source: 'fixes', path: 'a.patch', resolves: [] },
    ]);
    expect(Object.fromEntries(patched.buildFiles)).toEqual({
      'own/build.sh': `${folder.path}/php/build.sh`,
      'build.sh': `${folder.path}/patched.sh`,
    });
    expect(newest.patches).toEqual([]);
    expect(Object.fromEntries(newest.buildFiles)).toEqual({ 'build.sh': `${folder.path}/php/build.sh` });
  });

  test.each([
    ['{ fixse: { a.patch: [] } }', /^there is no source fixse, .* Did you mean fixes\?$/],
    ['{ main: { a.patch: [] } }', /^patches of the first source, main, .*in another source$/],
  ])('of %s are a problem where the source is named', async (patches, message) => {
    await using folder = await folderWith(patches, { 'patched.sh': '' });
    const library = await openRecipeLibrary([folder.path]);
    const loaded = await library.load(parseRecipeName('php/8.4.1'));
    const [problem, ...more] = 'problems' in loaded ? loaded.problems : [];
    expect(problem).toMatchObject({ file: `${folder.path}/php/8.4.yaml`, line: 6 });
    expect(problem?.message).toMatch(message);
    expect(more).toEqual([]);
    expect(await library.load(parseRecipeName('php/8.4.2'))).toHaveProperty('recipe');
  });

  test('are applied for a bundled extension as well: it is compiled from the sources of its interpreter', async () => {
    await using folder = await folderWith(FIXES, {
      'patched.sh': '',
      'php/package.yaml': interpreterYaml('8.4'),
      'php/extension.sh': '',
      'intl/package.yaml': extensionYaml(['bundled: true']),
      'intl/build.sh': '',
    });
    const library = await openRecipeLibrary([folder.path]);
    const php = await loadRecipe(library, 'php/8.4.1');
    const loaded = await library.load(parseRecipeName('intl'), php);
    if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
    expect(loaded.recipe.patches).toEqual(php.patches);
    expect([...loaded.recipe.buildFiles.keys()].sort()).toEqual(['build.sh', 'extension.sh', 'own/build.sh']);
  });

  test('are a problem without the script that applies them', async () => {
    await using folder = await folderWith(FIXES, {});
    const library = await openRecipeLibrary([folder.path]);
    const loaded = await library.load(parseRecipeName('php/8.4.1'));
    const problems = 'problems' in loaded ? loaded.problems.map(({ message }) => message) : [];
    expect(problems).toEqual([expect.stringContaining('patched.sh is missing beside stage.sh')]);
  });
});

describe('a plan', () => {
  const EXTENSIONS = {
    'php/package.yaml': interpreterYaml('8.4'),
    'php/extension.sh': '',
    'intl/package.yaml': extensionYaml(['bundled: true']),
    'intl/build.sh': '',
    'redis/package.yaml': extensionYaml(),
    'redis/build.sh': '',
    'redis/5.yaml': `${lineYaml('5.0')}supports: { before: 8.4.27 }\n`,
    'redis/6.yaml': `${lineYaml('6.0')}supports: { from: 8.4.27 }\n`,
  };
  const versionsIn = async (name: string, releaseOf: ReleaseOf): Promise<Record<string, string>> => {
    await using folder = await folderOf(EXTENSIONS);
    const library = (await openRecipeLibrary([folder.path])).choosing(releaseOf);
    const chosen = ['intl', 'redis'].map((each) => ({ ...parseRecipeName(each), position: undefined }));
    const { stages } = await planFor(parseRecipeName(name), library, chosen);
    return Object.fromEntries(stages.map(({ recipe }) => [recipe.name, recipe.version]));
  };

  test('has extensions for the release of its interpreter: bundled ones of its version, others by what they support', async () => {
    expect(await versionsIn('php/8.4', choosing('8.4.24'))).toEqual({
      'php/8.4': '8.4.24',
      'intl/8.4': '8.4.24',
      'redis/5': '5.0',
    });
    expect(await versionsIn('php/8.4', choosing('8.4.28'))).toMatchObject({ 'redis/6': '6.0' });
  });

  test('of one release keeps it for all of its stages, and chooses nothing else for that line', async () => {
    const asked: string[] = [];
    const releaseOf: ReleaseOf = (request) => {
      asked.push(`${request.name} ${request.exact?.version ?? 'any'}`);
      return newestRelease(request);
    };
    expect(await versionsIn('php/8.4.24', releaseOf)).toEqual({
      'php/8.4': '8.4.24',
      'intl/8.4': '8.4.24',
      'redis/5': '5.0',
    });
    expect(asked.filter((each) => each.startsWith('php'))).not.toContain('php/8.4 any');
  });

  test('can need one release of a line; another one is a conflict', async () => {
    const files = {
      'app/package.yaml': interpreterYaml('1'),
      'app/build.sh': '',
      'app/1.yaml': lineYaml('1.0', ['php/8.4.24', 'lib']),
      'lib/package.yaml': extensionYaml().replace(
        /kind: extension[\s\S]*/,
        "kind: library\nsummary: s\nlicense: MIT\ndefault: '1'\n",
      ),
      'lib/build.sh': '',
      'lib/1.yaml': lineYaml('1.0', ['php/8.4']),
    };
    await using folder = await folderOf(files);
    const library = await openRecipeLibrary([folder.path]);
    const { stages } = await planFor(parseRecipeName('app/1'), library);
    expect(stages.find(({ recipe }) => recipe.package === 'php')?.recipe.version).toBe('8.4.24');
  });
});

test('the releases of a layer are those of its manifest; a line or release that it does not have is the newest', async () => {
  await using folder = await folderOf();
  const library = await openRecipeLibrary([folder.path]);
  const of = (recipe: string, version: string): RecipeLibrary =>
    library.choosing(releasesOfLayer([{ recipe, version }]));
  expect(await versionOf(of('php/8.4', '8.4.27'), 'php/8.4')).toBe('8.4.27');
  expect(await versionOf(of('php/8.4', '8.4.1'), 'php/8.4')).toBe('8.4.28');
  expect(await versionOf(of('zlib/1.3', '1.3.0'), 'php/8.4')).toBe('8.4.28');
  expect(await versionOf(of('php/8.4', '8.4.27'), 'php/8.4.24')).toBe('8.4.24');
});

test.each([
  ['8.4.27', '8.4', true],
  ['8.40.1', '8.4', false],
  ['1.0.1u', '1.0.1', true],
  ['1.0.10', '1.0.1', false],
])('%s is of the line %s: %s', (version, line, expected) => {
  expect(isOfLine(version, line)).toBe(expected);
});

test('the nearest versions are the ones before and after, whatever their order', () => {
  expect(nearestVersions('1.0.1b', ['1.0.1', '1.0.1k', '1.0.1a'])).toEqual(['1.0.1a', '1.0.1k']);
});
