import { join } from 'node:path';
import { PackageURL } from 'packageurl-js';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { LayerError } from '../../../src/core/errors.js';
import { fileEntry } from '../../../src/tree/tree-entry.js';
import { findCaBundles } from '../../../src/layer/ca-bundles.js';
import type { BuiltRecord } from '../../../src/layer/layer-record.js';
import type { ManifestBundle } from '../../../src/layer/manifest.js';
import { provenanceOf } from '../../../src/layer/provenance.js';
import { sbomOf } from '../../../src/layer/sbom.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { judgeSbom } from '../../support/cyclonedx.js';
import { failure } from '../../support/failure.js';
import { manifestStage, manifestWith } from '../../support/manifest.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const PATCH = { file: 'patches/1.0-fix.patch', sha256: sha256('patch') };

const BUNDLES: readonly ManifestBundle[] = [
  {
    ...{ name: 'pcre2', version: '10.44', license: 'BSD-3-Clause', cpe: 'pcre:pcre2' },
    homepage: 'https://github.com/PCRE2Project/pcre2',
  },
  { name: 'xkcp', license: 'CC0-1.0', cpe: 'keccak:xkcp' },
  { name: 'dtoa', license: 'dtoa' },
];

const OPENSSL = manifestStage({
  recipe: 'openssl/3.5',
  version: '3.5.7',
  license: 'Apache-2.0',
  cpe: 'openssl:openssl',
  homepage: 'https://www.openssl.org',
  endOfLife: '2030-04-08',
  patches: [PATCH],
});
const PHP = manifestStage({
  recipe: 'php/8.4',
  version: '8.4.24',
  license: 'PHP-3.01 AND Zend-2.0',
  cpe: 'php:php',
  needs: ['openssl/3.5'],
  sources: [
    {
      name: 'php',
      file: 'php.tar.xz',
      sha256: sha256('php'),
      urls: ['https://example.org/get/php?v=8.4&x=1', 'https://example.net/php'],
    },
    { name: 'php', file: 'php.orig.tar.xz', sha256: sha256('php repacked'), urls: [] },
    { name: 'extra', file: 'extra_1.orig.tar.gz', sha256: sha256('extra'), urls: [] },
  ],
  bundles: [...BUNDLES],
});

const RECORD: BuiltRecord = {
  ...manifestWith({ recipe: 'php/8.4', version: '8.4.24', stages: [OPENSSL, PHP] }),
  layer: { file: 'php.zip', sha256: sha256('zip'), sizeBytes: 5 },
  usedSources: {
    'openssl/3.5': { openssl: OPENSSL.sources[0]?.sha256 ?? '' },
    'php/8.4': { php: sha256('php repacked'), extra: sha256('extra') },
  },
  toolchainReason: 'asked for',
  audit: { platform: 'provided.al2023', oldestPlatform: 'provided.al2023' },
  smokeTests: { runtimeDigest: 'sha256:1', programs: 1, invocations: 1 },
};

interface Component {
  readonly name: string;
  readonly version?: string;
  readonly type: string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly components?: readonly Component[];
}

interface Sbom {
  readonly serialNumber: string;
  readonly metadata: { readonly tools: { readonly components: readonly Component[] } };
  readonly components: readonly Component[];
  readonly dependencies: unknown;
}

function sbom(): Sbom {
  return sbomOf(RECORD, [
    { path: 'etc/ssl/ca.pem', sha256: sha256('ca'), certificates: 140 },
  ]) as unknown as Sbom;
}

describe('the bill of materials', () => {
  test('is valid by the published schema, which finds what is not', async () => {
    expect(await judgeSbom(sbom())).toEqual([]);
    expect(await judgeSbom({ ...sbom(), specVersion: 1.6 })).not.toEqual([]);
    expect(await judgeSbom({ ...sbom(), serialNumber: 'urn:uuid:none' })).not.toEqual([]);
    expect(await judgeSbom({ ...sbom(), extra: 1 })).not.toEqual([]);
  });

  test('has every compiled package with version, license, CPE, source, digest, patches and end of life', () => {
    const [openssl, php] = sbom().components;
    expect(openssl).toMatchObject({
      type: 'library',
      name: 'openssl',
      version: '3.5.7',
      licenses: [{ expression: 'Apache-2.0' }],
      cpe: 'cpe:2.3:a:openssl:openssl:3.5.7:*:*:*:*:*:*:*',
      externalReferences: [
        { type: 'website', url: 'https://www.openssl.org' },
        {
          type: 'source-distribution',
          url: 'https://example.org/openssl-3.5.7.tar.gz',
          hashes: [{ alg: 'SHA-256', content: sha256('source of openssl/3.5') }],
        },
      ],
      pedigree: { patches: [{ type: 'unofficial', diff: { url: 'recipes/openssl/patches/1.0-fix.patch' } }] },
    });
    expect(JSON.stringify(openssl)).toContain(PATCH.sha256);
    expect(JSON.stringify(openssl)).toContain('2030-04-08');
    expect(php).toMatchObject({ type: 'application', name: 'php', version: '8.4.24' });
    expect(php?.components?.[0]).toMatchObject({
      name: 'extra',
      externalReferences: [{ url: 'extra_1.orig.tar.gz' }],
    });
  });

  test('has what a package bundles inside its component, without a version where it is unknown', () => {
    const [openssl, php] = sbom().components;
    expect(openssl).not.toHaveProperty('components');
    expect(php?.components?.slice(1)).toEqual([
      {
        type: 'library',
        'bom-ref': 'php/8.4#pcre2',
        name: 'pcre2',
        version: '10.44',
        licenses: [{ expression: 'BSD-3-Clause' }],
        cpe: 'cpe:2.3:a:pcre:pcre2:10.44:*:*:*:*:*:*:*',
        purl: 'pkg:generic/pcre2@10.44',
        externalReferences: [{ type: 'website', url: 'https://github.com/PCRE2Project/pcre2' }],
      },
      {
        type: 'library',
        'bom-ref': 'php/8.4#xkcp',
        name: 'xkcp',
        licenses: [{ expression: 'CC0-1.0' }],
        cpe: 'cpe:2.3:a:keccak:xkcp:*:*:*:*:*:*:*:*',
        purl: 'pkg:generic/xkcp',
      },
      {
        type: 'library',
        'bom-ref': 'php/8.4#dtoa',
        name: 'dtoa',
        licenses: [{ expression: 'dtoa' }],
        purl: 'pkg:generic/dtoa',
      },
    ]);
  });

  test('has package URLs that another reader understands', () => {
    const [openssl, php] = sbom().components;
    const parsed = PackageURL.fromString(php?.purl ?? '');
    expect(parsed).toMatchObject({ type: 'generic', name: 'php', version: '8.4.24' });
    expect(parsed.qualifiers).toEqual({
      checksum: `sha256:${sha256('php')}`,
      download_url: 'https://example.org/get/php?v=8.4&x=1',
    });
    expect(PackageURL.fromString(openssl?.purl ?? '').name).toBe('openssl');
    expect(PackageURL.fromString(php?.components?.[0]?.purl ?? '').qualifiers).toEqual({
      checksum: `sha256:${sha256('extra')}`,
    });
  });

  test('has what was compiled with, and the CA data', () => {
    const names = sbom().metadata.tools.components.map(({ name, version }) => `${name} ${version ?? ''}`);
    expect(names[0]).toMatch(/^layersmith \d/);
    expect(names[1]).toBe(`debian toolchain image ${RECORD.toolchain.digest}`);
    expect(names).toContain('binutils 2.35.2-2');
    expect(sbom().components.at(-1)).toMatchObject({
      type: 'data',
      name: 'etc/ssl/ca.pem',
      description: '140 certificates of certificate authorities',
      hashes: [{ content: sha256('ca') }],
    });
    expect(sbom().dependencies).toEqual([
      { ref: 'layer', dependsOn: ['php/8.4', 'etc/ssl/ca.pem'] },
      { ref: 'openssl/3.5', dependsOn: [] },
      { ref: 'php/8.4', dependsOn: ['openssl/3.5'] },
    ]);
  });

  test('is the same for the same layer, with another serial number for another', () => {
    expect(sbom()).toEqual(sbom());
    const other = sbomOf(
      { ...RECORD, layer: { ...RECORD.layer, sha256: sha256('other') } },
      [],
    ) as unknown as Sbom;
    expect(other.serialNumber).not.toBe(sbom().serialNumber);
    expect(sbom().serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test('has a CPE whose version is quoted where CPE wants it', () => {
    const stage = manifestStage({ recipe: 'x/1', version: '1.0+dfsg', cpe: 'me:x' });
    const { components } = sbomOf({ ...RECORD, stages: [stage] }, []) as unknown as Sbom;
    expect(components[0]?.cpe).toBe('cpe:2.3:a:me:x:1.0\\+dfsg:*:*:*:*:*:*:*');
  });
});

describe("patches from another source's tree", () => {
  const stage = manifestStage({
    recipe: 'libxml2/2.9',
    sources: [
      { name: 'libxml2', file: 'libxml2.tar.xz', sha256: sha256('libxml2'), urls: ['https://example.org/x'] },
      { name: 'debian', file: 'libxml2_2~deb12u6.debian.tar.xz', sha256: sha256('debian'), urls: [] },
    ],
    patches: [PATCH],
    sourcePatches: [
      { source: 'debian', path: 'patches/two.patch', resolves: ['CVE-2025-49794', 'CVE-2025-49796'] },
      { source: 'debian', path: 'patches/leak.patch', resolves: [] },
    ],
  });
  const usedSources = { 'libxml2/2.9': { libxml2: sha256('libxml2'), debian: sha256('debian') } };
  const record: BuiltRecord = { ...RECORD, stages: [stage], usedSources };

  test('are backports in the bill of materials, with what each closes; their archive is no component', async () => {
    const bom = sbomOf(record, []) as unknown as Sbom;
    expect(await judgeSbom(bom)).toEqual([]);
    const [component] = bom.components;
    expect(component).not.toHaveProperty('components');
    expect(component).toMatchObject({
      externalReferences: [
        { url: 'https://example.org/x' },
        {
          type: 'source-distribution',
          url: 'libxml2_2~deb12u6.debian.tar.xz',
          hashes: [{ alg: 'SHA-256', content: sha256('debian') }],
          comment: 'patches',
        },
      ],
      pedigree: {
        patches: [
          { type: 'unofficial', diff: { url: 'recipes/libxml2/patches/1.0-fix.patch' } },
          {
            type: 'backport',
            diff: { url: 'libxml2_2~deb12u6.debian.tar.xz#patches/two.patch' },
            resolves: [
              { type: 'security', id: 'CVE-2025-49794' },
              { type: 'security', id: 'CVE-2025-49796' },
            ],
          },
          { type: 'backport', diff: { url: 'libxml2_2~deb12u6.debian.tar.xz#patches/leak.patch' } },
        ],
      },
    });
    expect(JSON.stringify(component)).not.toContain('"resolves":[]');
  });

  test('come from an archive that the provenance names like any source', () => {
    const run = {
      builderId: 'https://x.invalid',
      invocationId: undefined,
      startedOn: undefined,
      finishedOn: undefined,
    };
    const provenance = JSON.stringify(provenanceOf(record, { run, byproducts: [] }));
    const archive = {
      name: 'libxml2/2.9: libxml2_2~deb12u6.debian.tar.xz',
      digest: { sha256: sha256('debian') },
    };
    expect(provenance).toContain(JSON.stringify(archive));
  });
});

/** A layer with two extensions, settings and added files, one of which has CA data. */
const WITH_EXTENSIONS: BuiltRecord = {
  ...RECORD,
  extensions: ['igbinary/3', 'redis/6'],
  ini: { memory_limit: '512M' },
  files: [
    { path: 'etc/app/settings.json', sha256: sha256('settings') },
    { path: 'etc/ssl/ca.pem', sha256: sha256('ca') },
  ],
  stages: [
    OPENSSL,
    PHP,
    manifestStage({ recipe: 'igbinary/3', needs: ['php/8.4'] }),
    manifestStage({ recipe: 'redis/6', needs: ['igbinary/3', 'php/8.4'] }),
  ],
};

test('the bill of materials has extensions and added files as parts of the layer, each once', async () => {
  const bom = sbomOf(WITH_EXTENSIONS, [
    { path: 'etc/ssl/ca.pem', sha256: sha256('ca'), certificates: 1 },
  ]) as unknown as Sbom;
  expect(await judgeSbom(bom)).toEqual([]);
  expect(bom.components.map(({ name, type }) => `${type} ${name}`)).toEqual([
    'library openssl',
    'application php',
    'library igbinary',
    'library redis',
    'data etc/ssl/ca.pem',
    'file etc/app/settings.json',
  ]);
  expect(bom.dependencies).toEqual([
    {
      ref: 'layer',
      dependsOn: ['php/8.4', 'igbinary/3', 'redis/6', 'etc/ssl/ca.pem', 'etc/app/settings.json'],
    },
    { ref: 'openssl/3.5', dependsOn: [] },
    { ref: 'php/8.4', dependsOn: ['openssl/3.5'] },
    { ref: 'igbinary/3', dependsOn: ['php/8.4'] },
    { ref: 'redis/6', dependsOn: ['igbinary/3', 'php/8.4'] },
  ]);
});

test('the provenance has what the definition of the layer asked for', () => {
  const run = { builderId: 'urn:x', invocationId: undefined, startedOn: undefined, finishedOn: undefined };
  const statement = provenanceOf(WITH_EXTENSIONS, { run, byproducts: [] });
  expect(statement).toMatchObject({
    predicate: {
      buildDefinition: {
        externalParameters: {
          recipe: 'php/8.4',
          extensions: ['igbinary/3', 'redis/6'],
          ini: { memory_limit: '512M' },
        },
        resolvedDependencies: expect.arrayContaining([
          { name: 'added file: etc/app/settings.json', digest: { sha256: sha256('settings') } },
        ]) as unknown,
      },
    },
  });
});

test('CA data is found in a zip by what it is', async () => {
  await using folder = await temporaryFolder();
  const zip = join(folder.path, 'layer.zip');
  const certificate = '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n';
  await writeZip(zip, [
    fileEntry('etc/ca.pem', certificate.repeat(3)),
    fileEntry('etc/key.pem', '-----BEGIN PUBLIC KEY-----\n'),
    fileEntry('etc/notes.txt', certificate),
  ]);
  expect(await findCaBundles(zip)).toEqual([
    { path: 'etc/ca.pem', sha256: sha256(certificate.repeat(3)), certificates: 3 },
  ]);
});

test('CA data is not read into memory if it is larger than 16 MiB', async () => {
  await using folder = await temporaryFolder();
  const zip = join(folder.path, 'layer.zip');
  await writeZip(zip, [fileEntry('etc/ca.pem', Buffer.alloc(16 * 1024 ** 2 + 1))]);
  expect((await failure(findCaBundles(zip), LayerError)).message).toContain(
    `etc/ca.pem in ${zip} has 16777217 bytes`,
  );
});

test('the provenance has the subject, the parameters, everything that went in, and who built', () => {
  const run = {
    builderId: 'https://example.org/ci',
    invocationId: 'run-1',
    startedOn: undefined,
    finishedOn: '2026-01-01T00:00:00.000Z',
  };
  const statement = provenanceOf(RECORD, {
    run,
    byproducts: [{ name: 'php.cdx.json', sha256: sha256('sbom') }],
  });
  expect(statement).toMatchObject({
    subject: [{ name: 'php.zip', digest: { sha256: sha256('zip') } }],
    predicate: {
      buildDefinition: {
        externalParameters: {
          recipe: 'php/8.4',
          platform: 'provided.al2023',
          architecture: 'x86_64',
          toolchain: 'debian',
        },
        internalParameters: {
          artifacts: { 'openssl/3.5': OPENSSL.artifact, 'php/8.4': PHP.artifact },
        },
        resolvedDependencies: [
          { name: 'toolchain image: debian', digest: { sha256: sha256('toolchain') } },
          { uri: 'https://example.org/openssl-3.5.7.tar.gz' },
          // Of the alternatives, the one that was compiled.
          { name: 'php/8.4: php.orig.tar.xz', digest: { sha256: sha256('php repacked') } },
          { name: 'php/8.4: extra_1.orig.tar.gz', digest: { sha256: sha256('extra') } },
          { name: 'openssl/3.5: recipes/openssl/patches/1.0-fix.patch', digest: { sha256: PATCH.sha256 } },
        ],
      },
      runDetails: {
        builder: { id: 'https://example.org/ci' },
        metadata: { invocationId: 'run-1', finishedOn: '2026-01-01T00:00:00.000Z' },
        byproducts: [{ name: 'php.cdx.json', digest: { sha256: sha256('sbom') } }],
      },
    },
  });
});
