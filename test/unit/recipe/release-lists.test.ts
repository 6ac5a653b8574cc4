import { expect, test } from 'vitest';
import { listedDigest, newerReleases, readReleaseList } from '../../../src/recipe/release-lists.js';

const DIGEST = 'ab'.repeat(32);
const source = [{ filename: 'php-8.4.28.tar.xz', name: 'PHP 8.4.28 (tar.xz)', sha256: DIGEST }];

test.each<[string, unknown]>([
  ['by major version', { 8: { version: '8.4.28', tags: ['security'], source } }],
  ['by version', { '8.4.28': { announcement: true, tags: ['security'], date: '19 Nov 2026', source } }],
  ['of one release', { version: '8.4.28', tags: ['security'], source }],
])("php.net's list %s is of php, and says which releases fix security holes", (_how, json) => {
  expect(readReleaseList(JSON.stringify(json))).toEqual({
    package: 'php',
    releases: [{ version: '8.4.28', isSecurity: true }],
  });
});

test("GitHub's list has versions from tags, without drafts and pre-releases", () => {
  const release = (tag: string, more = {}): unknown => ({
    tag_name: tag,
    html_url: `https://github.com/openssl/openssl/releases/tag/${tag}`,
    ...more,
  });
  const list = [
    release('openssl-3.5.9'),
    release('openssl-4.0.0-beta1'),
    release('openssl-3.5.10', { draft: true }),
    release('openssl-3.5.11', { prerelease: true }),
    release('OpenSSL_1_0_1u'),
    release('nightly'),
  ];
  expect(readReleaseList(JSON.stringify(list))).toEqual({
    package: 'openssl',
    releases: [
      { version: '3.5.9', isSecurity: false },
      { version: '1.0.1u', isSecurity: false },
    ],
  });
});

test('endoflife.date has the newest release of each cycle, in both of its forms', () => {
  const releases = [
    { version: '8.5.13', isSecurity: false },
    { version: '8.4.28', isSecurity: false },
  ];
  const old = [
    { cycle: '8.5', latest: '8.5.13', eol: '2029-12-31' },
    { cycle: '8.4', latest: '8.4.28', eol: '2028-12-31' },
  ];
  expect(readReleaseList(JSON.stringify(old))).toEqual({ package: undefined, releases });
  const newer = {
    result: {
      name: 'php',
      releases: [{ latest: { name: '8.5.13' } }, { latest: { name: '8.4.28' } }, { latest: null }],
    },
  };
  expect(readReleaseList(JSON.stringify(newer))).toEqual({ package: 'php', releases });
});

test.each(['', '[]', '{"a": 1}', '<html>', '[{"name": "x"}]'])('%s is no list', (text) => {
  expect(readReleaseList(text)).toBeUndefined();
});

test('the newer releases of a line are its own, newest first', () => {
  const releases = ['8.4.9', '8.4.28', '8.4.27', '8.5.13', '8.40.1'].map((version) => ({
    version,
    isSecurity: false,
  }));
  expect(newerReleases(releases, { line: '8.4', version: '8.4.24' }).map(({ version }) => version)).toEqual([
    '8.4.28',
    '8.4.27',
  ]);
  expect(newerReleases(releases, { line: '8.4.24', version: '8.4.24' })).toEqual([]);
});

test.each([
  ['sha256sum', `${'0'.repeat(64)}  other.tar.xz\n${DIGEST}  ./php-8.4.28.tar.xz\n`],
  ['sha256sum for binary files', `${DIGEST.toUpperCase()} *php-8.4.28.tar.xz\r\n`],
  ['BSD', `SHA256 (php-8.4.28.tar.xz) = ${DIGEST}\n`],
  ['php.net', JSON.stringify({ 8: { version: '8.4.28', source } })],
])('a digest is found in the form of %s', (_form, text) => {
  expect(listedDigest(text, ['php-8.4.28.tar.xz'])).toBe(DIGEST);
  expect(listedDigest(text, ['php-8.4.2.tar.xz'])).toBeUndefined();
});
