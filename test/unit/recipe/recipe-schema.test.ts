import { describe, expect, test } from 'vitest';
import { lineSchema, packageSchema } from '../../../src/recipe/recipe-schema.js';

const lineWith = (url: string): unknown => ({
  version: '1.3',
  sources: { zlib: [{ file: 'zlib.tar.gz', sha256: 'ab'.repeat(32), urls: [url] }] },
});

test.each(['https://user:word@example.com/zlib.tar.gz', 'https://token@example.com/zlib.tar.gz'])(
  'a recipe with credentials in a URL is refused: %s',
  (url) => {
    const [issue] = lineSchema.safeParse(lineWith(url)).error?.issues ?? [];
    expect(issue?.path).toEqual(['sources', 'zlib', 0, 'urls', 0]);
    expect(issue?.message).toContain('password');
  },
);

test('a URL without credentials is accepted', () => {
  expect(lineSchema.safeParse(lineWith('https://example.com/zlib.tar.gz')).success).toBe(true);
});

const messagesOf = (
  error: { readonly issues: readonly { readonly message: string }[] } | undefined,
): string[] => error?.issues.map(({ message }) => message) ?? [];

test.each([
  [10.44, 'quote the version: YAML reads it as a number'],
  ['none', 'a version starts with a digit; it is `unknown` if the sources do not contain it'],
])('the version %j of a bundle is refused', (version, message) => {
  const line = { version: '1.3', sources: {}, bundles: { pcre2: version } };
  expect(messagesOf(lineSchema.safeParse(line).error)).toEqual([message]);
});

describe('the description of a bundle', () => {
  const bundle = { license: 'MIT', from: ['a.h'] };
  const withBundle = (changes: object): ReturnType<typeof packageSchema.safeParse> =>
    packageSchema.safeParse({
      ...{ kind: 'library', summary: 's', license: 'MIT', default: '1' },
      bundles: { copy: { ...bundle, ...changes } },
    });

  test.each(['V (\\d+)', '(\\d)(\\d\\d)', 'a|v(\\d)'])('has a pattern with groups: %s', (pattern) => {
    expect(withBundle({ pattern }).success).toBe(true);
  });

  test.each(['V \\d+', '(?:\\d+)', 'V (', ''])('is refused with the pattern "%s"', (pattern) => {
    expect(messagesOf(withBundle({ pattern }).error)).toEqual([
      'a pattern is a regular expression with a group for each part of the version',
    ]);
  });

  test.each([[['/a.h']], [['a.h', '../a.h']], [[]]])('is refused with the paths %j', (from) => {
    expect(withBundle({ from }).success).toBe(false);
  });

  test('is refused without a license', () => {
    expect(withBundle({ license: undefined }).success).toBe(false);
  });
});

describe('the name of a package', () => {
  const needing = (need: string): ReturnType<typeof lineSchema.safeParse> =>
    lineSchema.safeParse({ version: '1.3', sources: {}, needs: [need] });
  const extensionOf = (of: string): ReturnType<typeof packageSchema.safeParse> =>
    packageSchema.safeParse({
      ...{ kind: 'extension', summary: 's', license: 'MIT', smoke: {} },
      extension: { of, bundled: true },
    });

  test.each(['pdo_pgsql', 'pdo_pgsql/8.4', 'libjpeg-turbo/2.1', 'c++'])(
    'is accepted in a need: %s',
    (need) => {
      expect(needing(need).success).toBe(true);
    },
  );

  test.each(['_pgsql', 'Pgsql', 'pdo.pgsql', 'pgsql/_8', ''])('is refused in a need: "%s"', (need) => {
    expect(messagesOf(needing(need).error)).toEqual(['a need is `package` or `package/line`']);
  });

  test('has letters, digits, plus signs, dashes and underscores', () => {
    expect(extensionOf('my_php').success).toBe(true);
    expect(messagesOf(extensionOf('my php').error)).toEqual([
      'a package consists of lower-case letters, digits, plus signs, dashes and underscores',
    ]);
  });
});
