import { describe, expect, test } from 'vitest';
import type { AdvisedPackage } from '../../../src/advisories/advisory.js';
import { readCve } from '../../../src/advisories/cve.js';
import { readOsv } from '../../../src/advisories/osv.js';
import { compareVersions, parseVersion } from '../../../src/core/version-order.js';

function pkg(name: string, version: string, cpe?: string): AdvisedPackage {
  return { recipe: `${name}/1`, name, version, cpe };
}

describe('versions', () => {
  const ORDER = [
    [
      '0.9.8',
      '1.0.0',
      '1.0.1-beta1',
      '1.0.1',
      '1.0.1a',
      '1.0.1f',
      '1.0.1u',
      '1.0.2',
      '1.0.2y',
      '1.0.2z',
      '1.0.2za',
      '1.0.2zh',
      '1.1.1w',
      '3.0.0-alpha1',
      '3.0.0-beta2',
      '3.0.0',
      '3.5.7',
      '3.10.0',
    ],
    [
      '7.3.0alpha1',
      '7.3.0alpha2',
      '7.3.0beta1',
      '7.3.0RC1',
      '7.3.0RC10',
      '7.3.0',
      '7.3.33',
      '7.4.0',
      '8.4.24',
      '8.10',
    ],
  ];

  test.each(ORDER)('are ordered as the projects count, from %s on', (...texts) => {
    const versions = texts.map((text) => parseVersion(text, 'x'));
    for (const [i, a] of versions.entries()) {
      for (const [j, b] of versions.entries()) {
        if (a === undefined || b === undefined) throw new Error(`${texts[i]} or ${texts[j]} is no version`);
        expect(Math.sign(compareVersions(a, b)), `${texts[i]} and ${texts[j]}`).toBe(Math.sign(i - j));
      }
    }
  });

  test.each([
    ['openssl', 'OpenSSL_1_0_1k', '1.0.1k'],
    ['openssl', 'openssl-3.5.7', '3.5.7'],
    ['curl', 'curl-8_14_1', '8.14.1'],
    ['php', 'php-8.4.0RC1', '8.4.0RC1'],
    ['zlib', 'v1.3.1', '1.3.1'],
    ['sqlite', 'version-3.46.1', '3.46.1'],
    ['zlib', '1.3', '1.3.0'],
  ])('of %s are read from tags: %s is %s', (name, tag, version) => {
    const [a, b] = [parseVersion(tag, name), parseVersion(version, name)];
    if (a === undefined || b === undefined) throw new Error('no version');
    expect(compareVersions(a, b)).toBe(0);
  });

  test.each(['96db9023b881d7cd9f379b0c154650d6c108e9a3', 'n/a', 'unspecified', '', 'prior to 1.2'])(
    'have no order: "%s"',
    (text) => {
      expect(parseVersion(text, 'openssl')).toBeUndefined();
    },
  );
});

const PCRE2: AdvisedPackage = { recipe: 'php/8.4', name: 'pcre2', version: '10.44', cpe: 'pcre:pcre2' };
const XKCP: AdvisedPackage = { recipe: 'php/8.4', name: 'xkcp', version: undefined, cpe: 'keccak:xkcp' };

const OSV = { id: 'OSV-1', modified: '2024-01-01T00:00:00Z' };

describe('an OSV advisory', () => {
  const events = [
    { introduced: '1.0.1' },
    { fixed: '1.0.1g' },
    { introduced: '1.0.2-beta1' },
    { fixed: '1.0.2-beta2' },
  ];
  const verdict = (affected: object, asked: AdvisedPackage): unknown =>
    readOsv({ ...OSV, affected: [affected] })?.verdictOn(asked);
  const generic = { package: { ecosystem: 'generic', name: 'openssl' } };

  test.each([
    ['1.0.1', 'affected'],
    ['1.0.1f', 'affected'],
    ['1.0.1g', 'unaffected'],
    ['1.0.1u', 'unaffected'],
    ['1.0.0', 'unaffected'],
    ['1.0.2-beta1', 'affected'],
    ['1.0.2', 'unaffected'],
  ])('with ranges says of %s that it is %s', (version, state) => {
    const ranges = [{ type: 'ECOSYSTEM', events: [...events].reverse() }];
    expect(verdict({ ...generic, ranges }, pkg('openssl', version))).toMatchObject({ state });
  });

  test('says which version is the first without it, and which range it was', () => {
    const ranges = [{ type: 'SEMVER', events }];
    expect(verdict({ ...generic, ranges }, pkg('openssl', '1.0.1c'))).toEqual({
      state: 'affected',
      fixedIn: '1.0.1g',
      why: 'introduced in 1.0.1',
    });
  });

  test('knows the last version that has it, where it is not fixed', () => {
    const ranges = [{ type: 'SEMVER', events: [{ introduced: '0' }, { last_affected: '1.2.11' }] }];
    const zlib = { package: { ecosystem: 'OSS-Fuzz', name: 'zlib' }, ranges };
    expect(verdict(zlib, pkg('zlib', '1.2.11'))).toMatchObject({ state: 'affected', fixedIn: undefined });
    expect(verdict(zlib, pkg('zlib', '1.2.12'))).toEqual({ state: 'unaffected' });
  });

  test('with a list of versions, in the form of tags, decides by it', () => {
    const affected = {
      package: { ecosystem: 'GIT', name: 'https://github.com/curl/curl.git' },
      ranges: [{ type: 'GIT', events: [{ introduced: '96db9023b881d7cd9f379b0c154650d6c108e9a3' }] }],
      versions: ['curl-8_3_0', 'curl-7_69_0'],
    };
    expect(verdict(affected, pkg('curl', '8.3.0'))).toMatchObject({
      state: 'affected',
      why: '8.3.0 is in its list',
    });
    expect(verdict(affected, pkg('curl', '8.4.0'))).toEqual({ state: 'unaffected' });
  });

  test('without a package speaks of the repository of its commits, and of their versions', () => {
    const git = { type: 'GIT', repo: 'https://github.com/php/php-src', events: [{ introduced: '0' }] };
    const withVersions = {
      ...git,
      database_specific: { versions: [{ introduced: '8.1.0' }, { fixed: '8.1.29' }] },
    };
    expect(verdict({ ranges: [withVersions] }, pkg('php', '8.1.28'))).toMatchObject({
      state: 'affected',
      fixedIn: '8.1.29',
    });
    expect(verdict({ ranges: [withVersions] }, pkg('php', '8.4.24'))).toEqual({ state: 'unaffected' });
    expect(verdict({ ranges: [git] }, pkg('php', '8.4.24'))).toMatchObject({ state: 'undecided' });
    expect(verdict({ ranges: [git] }, pkg('curl', '8.4.0'))).toBeUndefined();
  });

  test.each([
    [{ ecosystem: 'Debian:12', name: 'openssl' }],
    [{ ecosystem: 'npm', name: 'openssl' }],
    [{ ecosystem: 'generic', name: 'libressl' }],
    [{ ecosystem: 'PyPI', name: 'x', purl: 'pkg:pypi/openssl' }],
  ])('of %j does not speak of our package', (named) => {
    const ranges = [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }] }];
    expect(verdict({ package: named, ranges }, pkg('openssl', '1.0.1c'))).toBeUndefined();
  });

  test('by package URL speaks of ours', () => {
    const named = { ecosystem: 'Other', name: 'x', purl: 'pkg:generic/openssl?download_url=x' };
    const ranges = [{ type: 'SEMVER', events: [{ introduced: '0' }] }];
    expect(verdict({ package: named, ranges }, pkg('openssl', '3.5.7'))).toMatchObject({ state: 'affected' });
  });

  test('is undecided on a bundled project without a version, if it concerns it', () => {
    const ranges = [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '1' }] }];
    const of = (name: string): object => ({ package: { ecosystem: 'OSS-Fuzz', name }, ranges });
    expect(verdict(of('xkcp'), XKCP)).toEqual({
      state: 'undecided',
      why: 'the version of xkcp is unknown',
    });
    expect(verdict(of('pcre2'), XKCP)).toBeUndefined();
  });

  test('that was withdrawn says nothing', () => {
    const ranges = [{ type: 'SEMVER', events: [{ introduced: '0' }] }];
    const advisory = readOsv({
      ...OSV,
      withdrawn: '2024-02-01T00:00:00Z',
      affected: [{ ...generic, ranges }],
    });
    expect(advisory?.verdictOn(pkg('openssl', '1.0.1c'))).toBeUndefined();
  });

  test('has a summary and a severity', () => {
    const advisory = readOsv({
      ...OSV,
      aliases: ['CVE-1'],
      details: 'First.\nSecond.',
      severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N' }],
    });
    expect(advisory).toMatchObject({
      id: 'OSV-1',
      aliases: ['CVE-1'],
      summary: 'First.',
      severity: 'CVSS:3.1/AV:N',
    });
  });
});

describe('a CVE record', () => {
  const record = (cna: object, more: object = {}): unknown => ({
    dataType: 'CVE_RECORD',
    dataVersion: '5.1',
    cveMetadata: { cveId: 'CVE-2024-4577', state: 'PUBLISHED' },
    containers: { cna: { descriptions: [{ lang: 'en', value: 'Argument injection' }], ...cna } },
    ...more,
  });
  const verdict = (cna: object, asked: AdvisedPackage): unknown => readCve(record(cna))?.verdictOn(asked);
  const of = (product: string, versions: readonly object[], more: object = {}): object => ({
    affected: [{ vendor: 'Somebody', product, versions, ...more }],
  });
  const affected = { status: 'affected' } as const;

  const PHP = of('PHP', [
    { ...affected, version: '8.1.*', lessThan: '8.1.29', versionType: 'semver' },
    { ...affected, version: '8.2.*', lessThan: '8.2.20', versionType: 'semver' },
    { ...affected, version: '8.3.*', lessThan: '8.3.8', versionType: 'semver' },
  ]);

  test.each([
    ['8.1.28', 'affected'],
    ['8.1.29', 'unaffected'],
    ['8.2.0', 'affected'],
    ['8.2.32', 'unaffected'],
    ['8.4.24', 'unaffected'],
  ])('with ranges says of PHP %s that it is %s', (version, state) => {
    expect(verdict(PHP, pkg('php', version, 'php:php'))).toMatchObject({ state });
  });

  test('says where it is fixed, and which range it was', () => {
    expect(verdict(PHP, pkg('php', '8.2.1'))).toEqual({
      state: 'affected',
      fixedIn: '8.2.20',
      why: 'from 8.2.* before 8.2.20',
    });
  });

  test.each([
    ['1.0.2zd', 'affected'],
    ['1.0.2zf', 'unaffected'],
    ['1.0.1u', 'unaffected'],
  ])("with OpenSSL's letters says of %s that it is %s", (version, state) => {
    const cna = of('OpenSSL', [
      { ...affected, version: '1.0.2', lessThan: '1.0.2zf', versionType: 'custom' },
    ]);
    expect(verdict(cna, pkg('openssl', version))).toMatchObject({ state });
  });

  test.each([
    [{ ...affected, version: '< 8.1.29' }, '8.1.28', 'affected'],
    [{ ...affected, version: '< 8.1.29' }, '8.1.29', 'unaffected'],
    [{ ...affected, version: '>= 7.0, <= 7.4.33' }, '7.4.33', 'affected'],
    [{ ...affected, version: '>= 7.0, < 7.4.33' }, '7.4.33', 'unaffected'],
    [{ ...affected, version: '> 7.0' }, '7.0', 'unaffected'],
    [{ ...affected, version: '7.4.33' }, '7.4.33', 'affected'],
    [{ ...affected, version: '0', lessThanOrEqual: '8.0' }, '7.4.33', 'affected'],
    [{ ...affected, version: '7.0', lessThan: '*' }, '8.4.24', 'affected'],
    [{ ...affected, version: '8.4.0', lessThan: '8.4.0' }, '8.3.0', 'affected'],
    [
      { ...affected, version: '8.0', lessThan: '9.0', changes: [{ at: '8.4.5', status: 'unaffected' }] },
      '8.4.24',
      'unaffected',
    ],
    [
      { ...affected, version: '8.0', lessThan: '9.0', changes: [{ at: '8.4.5', status: 'unaffected' }] },
      '8.4.4',
      'affected',
    ],
    [{ ...affected, version: 'n/a' }, '8.4.24', 'undecided'],
    [{ ...affected, version: '25e3c3b8', versionType: 'git' }, '8.4.24', 'undecided'],
    [{ status: 'unknown', version: '8.4.24' }, '8.4.24', 'undecided'],
    [{ status: 'unaffected', version: 'others' }, '8.4.24', 'unaffected'],
  ])('with %j says of %s that it is %s', (entry, version, state) => {
    expect(verdict(of('php', [entry]), pkg('php', version))).toMatchObject({ state });
  });

  test('decides by versions where it has commits too', () => {
    const entries = [
      { ...affected, version: '25e3c3b8', versionType: 'git' },
      { ...affected, version: '8.0', lessThan: '8.1', versionType: 'semver' },
    ];
    expect(verdict(of('php', entries), pkg('php', '8.4.24'))).toEqual({ state: 'unaffected' });
  });

  test('whose default is affected excepts what it names', () => {
    const cna = of('php', [{ status: 'unaffected', version: '8.4.0', lessThan: '*' }], {
      defaultStatus: 'affected',
    });
    expect(verdict(cna, pkg('php', '8.4.24'))).toEqual({ state: 'unaffected' });
    expect(verdict(cna, pkg('php', '8.3.1'))).toMatchObject({ state: 'affected' });
  });

  test('of another product does not speak of ours', () => {
    expect(
      verdict(
        of('phpMyAdmin', [{ ...affected, version: '0', lessThan: '*' }]),
        pkg('php', '8.4.24', 'php:php'),
      ),
    ).toBeUndefined();
    const distribution = of('Enterprise Linux 8', [{ ...affected, version: '0', lessThan: '*' }], {
      packageName: 'php',
    });
    expect(verdict(distribution, pkg('php', '8.4.24', 'php:php'))).toBeUndefined();
  });

  describe('with CPE names', () => {
    const node = (match: object, more: object = {}): object => ({
      cpeApplicability: [
        { nodes: [{ operator: 'OR', negate: false, cpeMatch: [{ vulnerable: true, ...match }], ...more }] },
      ],
    });
    const ANY = 'cpe:2.3:a:haxx:libcurl:*:*:*:*:*:*:*:*';
    const curl = (version: string): AdvisedPackage => pkg('curl', version, 'haxx:libcurl');

    test.each([
      [{ criteria: ANY, versionStartIncluding: '7.69.0', versionEndExcluding: '8.4.0' }, '8.3.0', 'affected'],
      [
        { criteria: ANY, versionStartIncluding: '7.69.0', versionEndExcluding: '8.4.0' },
        '8.4.0',
        'unaffected',
      ],
      [
        { criteria: ANY, versionStartExcluding: '7.69.0', versionEndIncluding: '8.3.0' },
        '7.69.0',
        'unaffected',
      ],
      [{ criteria: ANY, versionStartExcluding: '7.69.0', versionEndIncluding: '8.3.0' }, '8.3.0', 'affected'],
      [{ criteria: 'cpe:2.3:a:haxx:libcurl:8.3.0:*:*:*:*:*:*:*' }, '8.3.0', 'affected'],
      [{ criteria: 'cpe:2.3:a:haxx:libcurl:8.3.0:rc1:*:*:*:*:*:*' }, '8.3.0', 'unaffected'],
      [{ criteria: ANY }, '1.0', 'affected'],
    ])('%j says of %s that it is %s', (match, version, state) => {
      expect(verdict(node(match), curl(version))).toMatchObject({ state });
    });

    test('apply to a bundled project by its CPE name', () => {
      const cpe = 'cpe:2.3:a:pcre:pcre2:*:*:*:*:*:*:*:*';
      const before = (version: string): object => node({ criteria: cpe, versionEndExcluding: version });
      expect(verdict(before('10.45'), PCRE2)).toMatchObject({ state: 'affected', fixedIn: '10.45' });
      expect(verdict(before('10.44'), PCRE2)).toEqual({ state: 'unaffected' });
      expect(verdict(before('10.45'), pkg('php', '8.4.24', 'php:php'))).toBeUndefined();
    });

    test('are undecided on a bundled project without a version, if they are about it', () => {
      const about = (cpe: string): object => node({ criteria: `cpe:2.3:a:${cpe}:1.0:*:*:*:*:*:*:*` });
      expect(verdict(about('keccak:xkcp'), XKCP)).toEqual({
        state: 'undecided',
        why: 'the version of xkcp is unknown',
      });
      expect(verdict(about('pcre:pcre2'), XKCP)).toBeUndefined();
      expect(verdict(of('php', [{ ...affected, version: '8.0' }]), XKCP)).toBeUndefined();
    });

    test('of others says nothing, with conditions does not decide', () => {
      expect(
        verdict(node({ criteria: 'cpe:2.3:a:haxx:other:*:*:*:*:*:*:*:*' }), curl('8.3.0')),
      ).toBeUndefined();
      expect(verdict(node({ criteria: ANY, vulnerable: false }), curl('8.3.0'))).toBeUndefined();
      expect(verdict(node({ criteria: ANY }, { negate: true }), curl('8.3.0'))).toMatchObject({
        state: 'undecided',
      });
    });
  });

  test('that was rejected says nothing', () => {
    const rejected = record(PHP, { cveMetadata: { cveId: 'CVE-1', state: 'REJECTED' } });
    expect(readCve(rejected)?.verdictOn(pkg('php', '8.1.1'))).toBeUndefined();
  });

  test('has a summary and a severity', () => {
    const cna = { metrics: [{ format: 'CVSS', cvssV3_1: { baseScore: 9.8, baseSeverity: 'CRITICAL' } }] };
    expect(readCve(record(cna))).toMatchObject({
      id: 'CVE-2024-4577',
      summary: 'Argument injection',
      severity: 'CRITICAL',
    });
  });
});
