import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { IntegrityError, UsageError } from '../../../src/core/errors.js';
import { parseYaml } from '../../../src/core/yaml-file.js';
import { addRelease, type NewRelease } from '../../../src/recipe/add-release.js';
import { lineSchema } from '../../../src/recipe/recipe-schema.js';
import { releasesIn, type Release } from '../../../src/recipe/release.js';
import { failure } from '../../support/failure.js';
import { BUILT_IN_RECIPES } from '../../support/recipe-files.js';

function release(version: string, changes: Partial<NewRelease> = {}): NewRelease {
  return {
    version,
    security: [],
    source: 'php',
    file: `php-${version}.tar.xz`,
    sha256: sha256(version),
    urls: [`https://www.php.net/distributions/php-${version}.tar.xz`],
    comment: undefined,
    ...changes,
  };
}

function read(text: string): readonly Release[] {
  const parsed = parseYaml(text, { file: 'x.yaml', schema: lineSchema });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return releasesIn(parsed.value);
}

/** The lines that a text has and another has not. */
function addedLines(before: string, after: string): string {
  const old = before.split('\n');
  const kept = after.split('\n').filter((line) => old[0] !== line || old.shift() === undefined);
  expect(old, 'nothing but insertions').toEqual([]);
  return kept.join('\n');
}

describe('a release is added to the list', () => {
  const adding = async (version: string): Promise<readonly string[]> => {
    const before = await readFile(join(BUILT_IN_RECIPES, 'php/8.4.yaml'), 'utf8');
    const after = addRelease(before, release(version), '8.4.yaml');
    addedLines(before, after);
    return read(after).map((each) => each.version);
  };

  test('at its place, newest first, and every other byte of the file stays', async () => {
    expect(await adding('8.4.30')).toEqual(['8.4.30', '8.4.28', '8.4.27', '8.4.24']);
    expect(await adding('8.4.26')).toEqual(['8.4.28', '8.4.27', '8.4.26', '8.4.24']);
    expect(await adding('8.4.9')).toEqual(['8.4.28', '8.4.27', '8.4.24', '8.4.9']);
  });

  test('with what it fixes, and a comment on its digest', () => {
    const before = `needs: []
releases:
  # The first.
  - version: 8.4.1
    sources: { php: [{ file: a.tar.xz, sha256: '${sha256('a')}', urls: [] }] }
# The end.
`;
    const comment = 'Of the file that was added: signed by ABC.';
    const after = addRelease(before, release('8.4.2', { security: ['CVE-2026-1'], comment }), '8.4.yaml');
    expect(addedLines(before, after)).toBe(`  - version: 8.4.2
    security:
      - CVE-2026-1
    sources:
      php:
        # Of the file that was added: signed by ABC.
        - file: php-8.4.2.tar.xz
          sha256: ${sha256('8.4.2')}
          urls:
            - https://www.php.net/distributions/php-8.4.2.tar.xz`);
    expect(after.indexOf('8.4.2')).toBeLessThan(after.indexOf('# The first.'));
  });
});

test('a line with one release gets a list of two; comments and quotes stay', () => {
  const before = `# The line.
version: '8.4'
endOfLife: 2028-12-31
sources:
  php:
    # From upstream.
    - file: php-8.4.tar.xz
      sha256: ${sha256('a')}
      urls: []
bundles:
  pcre2: '10.44'
# What Debian fixed.
patches:
  debian: { a.patch: [CVE-2026-1] }
`;
  const after = addRelease(before, release('8.5.1'), '8.yaml');
  expect(read(after).map(({ version }) => version)).toEqual(['8.5.1', '8.4']);
  expect(after).toMatch(/^# The line\.\nendOfLife: 2028-12-31\nreleases:\n {2}- version: 8\.5\.1\n/);
  expect(after).toContain(`  - version: '8.4'
    sources:
      php:
        # From upstream.
        - file: php-8.4.tar.xz
          sha256: ${sha256('a')}
          urls: []
    patches:
      debian: { a.patch: [CVE-2026-1] }
    bundles:
      pcre2: '10.44'
`);
});

test('a release that is there already is refused; with another digest it is an integrity error', async () => {
  const text = addRelease(
    "version: 8.4.1\nsources:\n  php: [{ file: a, sha256: '" + sha256('a') + "', urls: [] }]\n",
    release('8.4.2'),
    '8.4.yaml',
  );
  const adding = async (each: NewRelease): Promise<string> =>
    Promise.resolve().then(() => addRelease(text, each, '8.4.yaml'));
  await failure(adding(release('8.4.2')), UsageError);
  const error = await failure(adding(release('8.4.2', { sha256: sha256('other') })), IntegrityError);
  expect(error.details).toEqual({ expected: [sha256('8.4.2')], actual: sha256('other') });
});

test.each([
  ['a list in brackets', `releases: [{ version: 8.4.1, sources: {} }]\n`],
  ['no releases', `needs: []\n`],
])('%s is refused', async (_what, text) => {
  await failure(
    Promise.resolve().then(() => addRelease(text, release('8.4.2'), '8.4.yaml')),
    UsageError,
  );
});
