import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { LayerError, PublishError } from '../../../src/core/errors.js';
import {
  formatLayerRecord,
  readLayerRecord,
  recordPath,
  type VendorRecord,
} from '../../../src/layer/layer-record.js';
import { parseManifest, writeManifest } from '../../../src/layer/manifest.js';
import { readTestedLayer, readUntestedLayer } from '../../../src/layer/tested-layer.js';
import { readZipFile } from '../../../src/tree/zip-file.js';
import { failure } from '../../support/failure.js';
import { recordWith } from '../../support/layer-record.js';
import { manifestStage, manifestWith } from '../../support/manifest.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

const VENDOR: VendorRecord = {
  schemaVersion: 1,
  kind: 'vendor',
  layersmith: '0.1.0',
  layer: { file: 'x.zip', sha256: recordWith().layer.sha256, sizeBytes: 5 },
};

describe('the record beside a zip', () => {
  test('is read as it was written', async () => {
    await using folder = await temporaryFolder();
    for (const record of [recordWith(), VENDOR]) {
      await folder.write({ 'x.manifest.json': formatLayerRecord(record) });
      expect(await readLayerRecord(join(folder.path, 'x.zip'))).toEqual(record);
    }
  });

  test('is undefined where there is none', async () => {
    await using folder = await temporaryFolder();
    expect(await readLayerRecord(join(folder.path, 'x.zip'))).toBeUndefined();
  });

  test.each([
    ['text that is not JSON', 'x', ''],
    [
      'a record without a key',
      JSON.stringify({ ...recordWith(), toolchainReason: undefined }),
      'toolchainReason',
    ],
    ['a vendor record without a key', JSON.stringify({ ...VENDOR, layersmith: undefined }), 'layersmith'],
  ])('is refused for %s, with what is wrong', async (_what, text, key) => {
    await using folder = await temporaryFolder();
    await folder.write({ 'x.manifest.json': text });
    const error = await failure(readLayerRecord(join(folder.path, 'x.zip')), LayerError);
    expect(error.message).toContain(`x.manifest.json is invalid: ${key}`);
  });
});

test('a manifest may say what a package bundles', () => {
  const bundles = [
    { name: 'pcre2', version: '10.44', license: 'BSD-3-Clause', cpe: 'pcre:pcre2' },
    { name: 'dtoa', license: 'dtoa' },
  ];
  const manifest = manifestWith({
    stages: [manifestStage({ recipe: 'zlib/1.3' }), manifestStage({ recipe: 'php/8.4', bundles })],
  });
  expect(parseManifest(Buffer.from(writeManifest(manifest)))).toEqual(manifest);
  const [zlib] = parseManifest(Buffer.from(writeManifest(manifest))).stages;
  expect(zlib).not.toHaveProperty('bundles');
});

test('manifests that spell the key `licence` are read, and written with `license`', () => {
  const manifest = manifestWith({ stages: [manifestStage({ recipe: 'zlib/1.3', license: 'Zlib' })] });
  const old = writeManifest(manifest).replace('"license"', '"licence"');
  expect(old).toContain('"licence": "Zlib"');
  expect(parseManifest(Buffer.from(old))).toEqual(manifest);
});

describe('a layer is a tested one', () => {
  async function zipIn(folder: TemporaryFolder, record: string | undefined): Promise<string> {
    await folder.write({ 'x.zip': 'layer' });
    const zip = join(folder.path, 'x.zip');
    if (record !== undefined) await folder.write({ 'x.manifest.json': record });
    return zip;
  }

  test('when the record beside it says so of its bytes', async () => {
    await using folder = await temporaryFolder();
    const zip = await readZipFile(await zipIn(folder, formatLayerRecord(recordWith())));
    expect(await readTestedLayer(zip)).toEqual({ zip, record: recordWith() });
  });

  const other = { file: 'x.zip', sha256: sha256('other'), sizeBytes: 5 };
  test.each([
    ['there is no record', undefined, 'there is no '],
    ['it belongs to another zip', formatLayerRecord({ ...VENDOR, layer: other }), 'another zip'],
    ['there was no audit', formatLayerRecord(VENDOR), 'no audit'],
    [
      'there were no smoke tests',
      formatLayerRecord({ ...VENDOR, audit: { platform: 'provided.al2023' } }),
      'no smoke tests',
    ],
  ])('not when %s: only as an untested one', async (_what, record, why) => {
    await using folder = await temporaryFolder();
    const zip = await readZipFile(await zipIn(folder, record));
    const error = await failure(readTestedLayer(zip), PublishError);
    expect(error.message).toContain(why);
    expect(error.hint).toContain('--force');
    expect((await readUntestedLayer(zip)).zip).toEqual(zip);
  });

  test('not with an invalid record, which an untested one does without', async () => {
    await using folder = await temporaryFolder();
    const zip = await readZipFile(await zipIn(folder, '{}'));
    await failure(readTestedLayer(zip), LayerError);
    expect((await readUntestedLayer(zip)).record).toBeUndefined();
  });

  test('not with the record of other bytes, also as an untested one', async () => {
    await using folder = await temporaryFolder();
    const zip = await readZipFile(await zipIn(folder, formatLayerRecord({ ...recordWith(), layer: other })));
    expect((await readUntestedLayer(zip)).record).toBeUndefined();
  });
});

test('the record has the name of the zip', () => {
  expect(recordPath('/a/b.zip')).toBe('/a/b.manifest.json');
});
