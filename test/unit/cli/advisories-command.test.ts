import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { fileEntry } from '../../../src/tree/tree-entry.js';
import { MANIFEST_PATH, writeManifest } from '../../../src/layer/manifest.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { fakeIo } from '../../support/fake-io.js';
import { manifestStage, manifestWith } from '../../support/manifest.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function advisories(folder: string, ...args: readonly string[]): Promise<Ended> {
  const io = fakeIo(folder);
  const exitCode = await run(['advisories', ...args], io);
  return { exitCode, stdout: io.stdout(), stderr: io.stderr() };
}

const MODIFIED = { modified: '2024-01-01T00:00:00Z' };

/** CVE-2014-0160 is in OpenSSL 1.0.1 to 1.0.1f. */
const HEARTBLEED = JSON.stringify({
  ...MODIFIED,
  id: 'OSV-2014-1',
  aliases: ['CVE-2014-0160'],
  summary: 'TLS heartbeat read overrun',
  affected: [
    {
      package: { ecosystem: 'generic', name: 'openssl' },
      ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '1.0.1' }, { fixed: '1.0.1g' }] }],
    },
  ],
});

const LETTERS = JSON.stringify({
  dataType: 'CVE_RECORD',
  cveMetadata: { cveId: 'CVE-2022-0001', state: 'PUBLISHED' },
  containers: {
    cna: {
      title: 'In all of 1.0.1',
      affected: [
        {
          vendor: 'OpenSSL',
          product: 'OpenSSL',
          versions: [{ version: '1.0.1', lessThan: '1.0.2', status: 'affected' }],
        },
      ],
    },
  },
});

const COMMITS = JSON.stringify({
  ...MODIFIED,
  id: 'OSV-2020-7',
  affected: [
    { ranges: [{ type: 'GIT', repo: 'https://github.com/madler/zlib', events: [{ introduced: '0' }] }] },
  ],
});

const FILES = {
  'db/osv/OSV-2014-1.json': HEARTBLEED,
  'db/cves/2022/CVE-2022-0001.json': LETTERS,
  'db/osv/OSV-2020-7.json': COMMITS,
  'db/package.json': '{"name": "x"}',
  'db/README.md': 'not read',
};

describe('of a recipe', () => {
  test('an advisory that applies is listed with version, fix and reason, and ends with 79', async () => {
    await using folder = await temporaryFolder();
    await folder.write(FILES);
    const ended = await advisories(folder.path, 'php/7.3', '--from', 'db');
    expect(ended).toMatchObject({ exitCode: 79, stderr: '' });
    expect(ended.stdout).toMatch(/^applies +CVE-2022-0001 +openssl 1\.0\.1u +fixed in 1\.0\.2 /m);
    expect(ended.stdout).toContain('(from 1.0.1 before 1.0.2)\n    In all of 1.0.1\n');
    expect(ended.stdout).not.toContain('OSV-2014-1');
    expect(ended.stdout).toMatch(/^undecided +OSV-2020-7 +zlib 1\.3\S* +no fixed version .*only commits\)$/m);
    expect(ended.stdout).toContain('3 advisories read: 1 apply, 1 cannot be decided\n');
    expect(ended.stdout).toContain('1 JSON files are not advisories: ');
  });

  test('without one that applies the exit code is 0, unless --strict counts undecided ones', async () => {
    await using folder = await temporaryFolder();
    await folder.write(FILES);
    expect(await advisories(folder.path, 'php/8.4', '--from', 'db')).toMatchObject({ exitCode: 0 });
    expect(await advisories(folder.path, 'php/8.4', '--from', 'db', '--strict')).toMatchObject({
      exitCode: 79,
    });
  });

  test('--ignore leaves an advisory out, and warns if it matches none', async () => {
    await using folder = await temporaryFolder();
    await folder.write(FILES);
    const ended = await advisories(
      folder.path,
      'php/7.3',
      '--from',
      'db',
      '--ignore',
      'CVE-2022-0001',
      '--ignore',
      'CVE-1',
    );
    expect(ended.exitCode).toBe(0);
    expect(ended.stdout).not.toContain('CVE-2022-0001');
    expect(ended.stderr).toMatch(/^layersmith: warning: --ignore CVE-1 matches none .*\n$/);
  });

  test('is one JSON object with --json', async () => {
    await using folder = await temporaryFolder();
    await folder.write(FILES);
    const ended = await advisories(folder.path, 'openssl/1.0.1', '--from', 'db', '--json');
    expect(JSON.parse(ended.stdout)).toMatchObject({
      packages: [{ recipe: 'openssl/1.0.1', name: 'openssl', version: '1.0.1u', cpe: 'openssl:openssl' }],
      read: 3,
      applies: [
        {
          id: 'CVE-2022-0001',
          package: 'openssl',
          fixedIn: '1.0.2',
          file: join(folder.path, 'db/cves/2022/CVE-2022-0001.json'),
        },
      ],
      undecided: [],
      others: [join(folder.path, 'db/package.json')],
    });
  });
});

test('without --from the folder of the project is read, and without either nothing is', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ ...FILES, 'layersmith.yaml': 'advisories: db\n' });
  const ended = await advisories(join(folder.path, 'db'), 'php/7.3');
  expect(ended).toMatchObject({ exitCode: 79, stderr: '' });
  expect(ended.stdout).toContain('3 advisories read: 1 apply, 1 cannot be decided\n');
  await folder.write({ 'layersmith.yaml': '' });
  const without = await advisories(folder.path, 'php/7.3');
  expect(without).toMatchObject({ exitCode: 64, stdout: '' });
  expect(without.stderr).toContain('--from');
});

/** A CVE record with CPE names only, as NVD adds them. */
function cveOf(id: string, match: object): string {
  return JSON.stringify({
    dataType: 'CVE_RECORD',
    cveMetadata: { cveId: id, state: 'PUBLISHED' },
    containers: {
      cna: {
        title: 'In a copy',
        cpeApplicability: [{ nodes: [{ cpeMatch: [{ vulnerable: true, ...match }] }] }],
      },
    },
  });
}

const OLD_PCRE2 = cveOf('CVE-1', {
  criteria: 'cpe:2.3:a:pcre:pcre2:*:*:*:*:*:*:*:*',
  versionEndExcluding: '10.45',
});
const KECCAK = cveOf('CVE-2', { criteria: 'cpe:2.3:a:keccak:xkcp:-:*:*:*:*:*:*:*' });

describe('what a package bundles', () => {
  test('of a recipe is found by its CPE name, and listed with the recipe', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'db/a.json': OLD_PCRE2 });
    const ended = await advisories(folder.path, 'php/8.4.24', '--from', 'db');
    expect(ended).toMatchObject({ exitCode: 79 });
    expect(ended.stdout).toMatch(/^applies +CVE-1 +pcre2 10\.44 in php\/8\.4 +fixed in 10\.45 /m);
    const json = await advisories(folder.path, 'php/8.4.24', '--from', 'db', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      packages: expect.arrayContaining([
        { recipe: 'php/8.4', name: 'php', version: '8.4.24', cpe: 'php:php' },
        { recipe: 'php/8.4', name: 'pcre2', version: '10.44', cpe: 'pcre:pcre2' },
      ]) as unknown,
      applies: [{ id: 'CVE-1', recipe: 'php/8.4', package: 'pcre2', version: '10.44', fixedIn: '10.45' }],
    });
  });

  test('of a layer is found by its manifest; without a version it is undecided', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'db/a.json': OLD_PCRE2, 'db/b.json': KECCAK });
    const bundles = [
      { name: 'pcre2', version: '10.45', license: 'BSD-3-Clause', cpe: 'pcre:pcre2' },
      { name: 'xkcp', license: 'CC0-1.0', cpe: 'keccak:xkcp' },
    ];
    const stages = [manifestStage({ recipe: 'php/8.4', version: '8.4.24', bundles })];
    await writeZip(join(folder.path, 'layer.zip'), [
      fileEntry(MANIFEST_PATH, writeManifest(manifestWith({ stages }))),
    ]);
    const ended = await advisories(folder.path, 'layer.zip', '--from', 'db');
    expect(ended.exitCode).toBe(0);
    expect(ended.stdout).toMatch(
      /^undecided {2}CVE-2 {2}xkcp \(unknown version\) in php\/8\.4 {2}no fixed version known {2}\(the version of xkcp is unknown\)$/m,
    );
    expect(ended.stdout).toContain('2 advisories read: 0 apply, 1 cannot be decided\n');
  });

  test('of two packages is listed for both', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'db/a.json': OLD_PCRE2 });
    const bundles = [{ name: 'pcre2', version: '10.44', license: 'BSD-3-Clause', cpe: 'pcre:pcre2' }];
    const stages = [manifestStage({ recipe: 'a/1', bundles }), manifestStage({ recipe: 'b/1', bundles })];
    await writeZip(join(folder.path, 'layer.zip'), [
      fileEntry(MANIFEST_PATH, writeManifest(manifestWith({ stages }))),
    ]);
    const { stdout } = await advisories(folder.path, 'layer.zip', '--from', 'db');
    expect(stdout).toContain('pcre2 10.44 in a/1');
    expect(stdout).toContain('pcre2 10.44 in b/1');
  });
});

describe('what a patch of the recipe closes', () => {
  const osvOf = (id: string, aliases: readonly string[], events: readonly object[]): string =>
    JSON.stringify({
      ...MODIFIED,
      ...{ id, aliases, summary: 'In the parser' },
      affected: [{ package: { ecosystem: '', name: 'libxml2' }, ranges: [{ type: 'ECOSYSTEM', events }] }],
    });
  const BEFORE_2_10 = [{ introduced: '0' }, { fixed: '2.10.3' }];
  const FILES = {
    'db/a.json': osvOf('OSV-1', ['CVE-2022-40303'], BEFORE_2_10),
    'db/b.json': osvOf('CVE-2026-0992', [], [{ introduced: 'prior to all' }]),
    'db/c.json': osvOf('CVE-2099-1', [], BEFORE_2_10),
  };
  const CLOSED = [
    'patched    CVE-2026-0992  libxml2 2.9.14  no fixed version known  (prior to all cannot be compared)',
    '    In the parser',
    '    closed by debian: patches/CVE-2026-0992/01-4af23b523.patch, debian: patches/CVE-2026-0992/02-096402c94.patch',
    'patched    OSV-1  libxml2 2.9.14  fixed in 2.10.3  (introduced in 0)',
    '    In the parser',
    '    closed by debian: patches/CVE-2022-40303-Fix-integer-overflows-with-XML_PARSE_.patch',
  ];

  test('is listed with the patch, and counts as fixed; anything else applies', async () => {
    await using folder = await temporaryFolder();
    await folder.write(FILES);
    const ended = await advisories(folder.path, 'libxml2/2.9', '--from', 'db', '--strict');
    expect(ended.exitCode).toBe(79);
    expect(ended.stdout).toMatch(/^applies {4}CVE-2099-1 {2}libxml2 2\.9\.14 /);
    expect(ended.stdout).toContain(CLOSED.join('\n'));
    expect(ended.stdout).toContain(
      '3 advisories read: 1 apply, 0 cannot be decided, 2 are closed by patches\n',
    );
    const ignoring = ['--ignore', 'CVE-2099-1', '--ignore', 'CVE-2022-40303'];
    const rest = await advisories(folder.path, 'libxml2/2.9', '--from', 'db', '--strict', ...ignoring);
    expect(rest.exitCode).toBe(0);
    expect(rest.stderr).toMatch(/^layersmith: warning: --ignore CVE-2022-40303 matches none .*\n$/);
  });

  test('is read from the manifest of a layer, and is of no other package', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'db/a.json': osvOf('OSV-1', ['CVE-2022-40303'], BEFORE_2_10) });
    const sourcePatches = [{ source: 'debian', path: 'patches/a.patch', resolves: ['CVE-2022-40303'] }];
    const stages = [
      manifestStage({ recipe: 'libxml2/2.9', version: '2.9.14', sourcePatches }),
      manifestStage({ recipe: 'other/1', bundles: [{ name: 'libxml2', version: '2.9.14', license: 'MIT' }] }),
    ];
    await writeZip(join(folder.path, 'layer.zip'), [
      fileEntry(MANIFEST_PATH, writeManifest(manifestWith({ stages }))),
    ]);
    const { stdout } = await advisories(folder.path, 'layer.zip', '--from', 'db', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      applies: [{ recipe: 'other/1', package: 'libxml2' }],
      patched: [{ id: 'OSV-1', recipe: 'libxml2/2.9', patches: ['debian: patches/a.patch'] }],
    });
  });
});

describe('an advisory that does not say which package it is about is undecided:', () => {
  const NO_PACKAGE = { ...MODIFIED, id: 'OSV-1', affected: [{ versions: ['1.0'] }] };
  test.each([
    ['an OSV record without a package', NO_PACKAGE, 'OSV-1'],
    [
      'an OSV record with a package in one of two places',
      {
        ...NO_PACKAGE,
        affected: [{ package: { ecosystem: 'npm', name: 'x' } }, ...NO_PACKAGE.affected],
      },
      'OSV-1',
    ],
    ['an OSV record with nothing affected', { ...MODIFIED, id: 'OSV-2' }, 'OSV-2'],
    ['a record with only an id', { id: 'X' }, 'X'],
    [
      'a CVE record without a product',
      {
        dataType: 'CVE_RECORD',
        cveMetadata: { cveId: 'CVE-1', state: 'PUBLISHED' },
        containers: { cna: { title: 'x' } },
      },
      'CVE-1',
    ],
    [
      'a CVE record that breaks its format',
      { dataType: 'CVE_RECORD', cveMetadata: { cveId: 'CVE-2' } },
      'CVE-2',
    ],
  ])('%s', async (_what, advisory, id) => {
    await using folder = await temporaryFolder();
    await folder.write({ 'db/a.json': JSON.stringify(advisory) });
    const args = ['lua/5.4', '--from', 'db'];
    const json = JSON.parse((await advisories(folder.path, ...args, '--json')).stdout) as object;
    expect(json).toMatchObject({ read: 1, applies: [], undecided: [{ id }], others: [] });
    const strict = await advisories(folder.path, ...args, '--strict');
    expect(strict.exitCode).toBe(79);
    expect(strict.stdout).toMatch(new RegExp(`^undecided {2}${id} {2}\\(`));
    expect(strict.stdout).toContain('1 advisories read: 0 apply, 1 cannot be decided\n');
    const ignored = await advisories(folder.path, ...args, '--strict', '--ignore', id);
    expect(ignored).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('except for one that was withdrawn or rejected', async () => {
    await using folder = await temporaryFolder();
    await folder.write({
      'db/a.json': JSON.stringify({ ...NO_PACKAGE, withdrawn: '2024-01-02T00:00:00Z' }),
      'db/b.json': JSON.stringify({
        dataType: 'CVE_RECORD',
        cveMetadata: { cveId: 'CVE-1', state: 'REJECTED' },
        containers: { cna: {} },
      }),
    });
    const ended = await advisories(folder.path, 'lua/5.4', '--from', 'db', '--strict');
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(ended.stdout).toContain('2 advisories read: 0 apply, 0 cannot be decided\n');
  });
});

describe('of a layer', () => {
  test('the packages are those of the manifest inside', async () => {
    await using folder = await temporaryFolder();
    await folder.write(FILES);
    const stages = [manifestStage({ recipe: 'openssl/1.0.1', version: '1.0.1e' })];
    await writeZip(join(folder.path, 'layer.zip'), [
      fileEntry(MANIFEST_PATH, writeManifest(manifestWith({ stages }))),
    ]);
    const ended = await advisories(folder.path, 'layer.zip', '--from', 'db/osv/OSV-2014-1.json');
    expect(ended.exitCode).toBe(79);
    expect(ended.stdout).toContain('applies    OSV-2014-1  openssl 1.0.1e  fixed in 1.0.1g');
  });

  test('without a manifest is an error', async () => {
    await using folder = await temporaryFolder();
    await folder.write(FILES);
    await writeZip(join(folder.path, 'layer.zip'), [fileEntry('a', 'x')]);
    const ended = await advisories(folder.path, 'layer.zip', '--from', 'db');
    expect(ended).toMatchObject({ exitCode: 64, stdout: '' });
    expect(ended.stderr).toContain('contains no manifest');
  });
});

test('a layer that does not exist is an error', async () => {
  await using folder = await temporaryFolder();
  await folder.write(FILES);
  const ended = await advisories(folder.path, 'gone.zip', '--from', 'db');
  expect(ended).toMatchObject({ exitCode: 64, stdout: '' });
  expect(ended.stderr).toContain('does not exist');
});

describe('advisories that cannot be read are an error:', () => {
  test('a folder that does not exist, and one without advisories', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'db/README.md': 'x' });
    const gone = await advisories(folder.path, 'lua/5.4', '--from', 'gone');
    expect(gone.exitCode).toBe(64);
    expect(gone.stderr).toContain(`${join(folder.path, 'gone')} (ENOENT)`);
    const empty = await advisories(folder.path, 'lua/5.4', '--from', 'db');
    expect(empty).toMatchObject({ exitCode: 64, stdout: '' });
    expect(empty.stderr).toContain('no advisory found in db');
  });

  test('files that are not JSON, each with its position', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ ...FILES, 'db/a.json': '{"id": }', 'db/b.json': '' });
    const ended = await advisories(folder.path, 'lua/5.4', '--from', 'db');
    expect(ended).toMatchObject({ exitCode: 64, stdout: '' });
    expect(ended.stderr).toContain('2 files are not JSON');
    expect(ended.stderr).toContain(`${join(folder.path, 'db/a.json')}:1:8: a value expected`);
    expect(ended.stderr).toContain(`${join(folder.path, 'db/b.json')}:1:1: a value expected`);
  });
});
