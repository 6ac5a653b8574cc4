import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { sha256OfFile } from '../../../../src/core/digest.js';
import { fileEntry } from '../../../../src/tree/tree-entry.js';
import { findManifest } from '../../../../src/layer/find-manifest.js';
import type { BuiltRecord } from '../../../../src/layer/layer-record.js';
import { MANIFEST_PATH } from '../../../../src/layer/manifest.js';
import { readZip } from '../../../../src/tree/zip-reader.js';
import { writeZip } from '../../../../src/tree/zip-writer.js';
import { type Ended } from '../../../support/cli.js';
import { judgeSbom } from '../../../support/cyclonedx.js';
import { judgeProvenance } from '../../../support/in-toto.js';
import { luaSources } from '../../../support/lua-sources.js';
import { expectError, expectTidy, layerFiles, Workplace } from '../../../support/workplace.js';
import { readZipEntries } from '../../../support/zip.js';

// The main job on its smallest real input: from recipe to tested zip, and back into a container with it.

const NAME = 'lua-5.4.7-provided.al2023-x86_64';
const LICENCES = 'share/licenses/lua';

let sources: string;
let workplace: Workplace;
let cold: Ended;
let zip: string;
let manifest: string;

beforeAll(async () => {
  sources = await luaSources();
  workplace = await Workplace.make();
  zip = join(workplace.out, `${NAME}.zip`);
  manifest = join(workplace.out, `${NAME}.manifest.json`);
  cold = await workplace.build('lua', ['--sources', sources]);
});

afterAll(async () => {
  await workplace[Symbol.asyncDispose]();
});

async function json(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

test('a build prints the path of its zip and nothing else on stdout, and leaves the zip and its metadata', async () => {
  expect(cold).toMatchObject({ exitCode: 0, stdout: `${zip}\n` });
  expect(await workplace.output()).toEqual(layerFiles(NAME));
  expect(cold.stderr).toContain('toolchain: embedded Debian 12 (set by --toolchain debian)\n');
  expect(cold.stderr).toMatch(/^lua\/5\.4: started$/m);
  expect(cold.stderr).toMatch(/^smoke tests: done in /m);
  expect(cold.stderr).toMatch(/^built and tested: 3 programs, 502 invocations$/m);
  expect(cold.stderr).toContain(`sha256 ${await sha256OfFile(zip)}`);
  await expectTidy(workplace, cold);
});

test('the zip holds the interpreter, the bootstrap and the licenses, and nothing else', async () => {
  const entries = await readZipEntries(zip);
  expect(entries.map(({ name, mode }) => [name, mode])).toEqual([
    ['bin/', '0040755'],
    ['bin/lua', '0100755'],
    ['bootstrap', '0100755'],
    ['share/', '0040755'],
    ['share/layersmith/', '0040755'],
    ['share/layersmith/manifest.json', '0100644'],
    ['share/licenses/', '0040755'],
    [`${LICENCES}/`, '0040755'],
    [`${LICENCES}/lua.LICENSE`, '0100644'],
    [`${LICENCES}/luasocket.LICENSE`, '0100644'],
  ]);
  expect(new Set(entries.map(({ date }) => date))).toEqual(new Set(['2023-11-14T22:13:20.000Z']));
  const content = new Map(entries.map((entry) => [entry.name, entry.content]));
  expect(content.get('bin/lua')?.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
  expect(content.get('bin/lua')?.includes('/build/')).toBe(false);
  expect(content.get('bootstrap')?.toString()).toMatch(/^#!\/opt\/bin\/lua\n/);
  expect(content.get(`${LICENCES}/lua.LICENSE`)?.toString()).toContain('Lua.org, PUC-Rio');
  expect(content.get(`${LICENCES}/luasocket.LICENSE`)?.toString()).toContain('Diego Nehab');
});

test('the manifest has the sources, the toolchain with its reason, and the files', async () => {
  const { layer, toolchainReason, audit, smokeTests, usedSources, ...inside } = (await json(
    manifest,
  )) as BuiltRecord;
  expect(layer).toEqual({
    file: `${NAME}.zip`,
    sha256: await sha256OfFile(zip),
    sizeBytes: (await readFile(zip)).length,
  });
  expect(toolchainReason).toBe('set by --toolchain debian');
  expect(audit).toEqual({ platform: 'provided.al2023', oldestPlatform: 'provided.al2023' });
  expect(smokeTests).toEqual({
    programs: 3,
    invocations: 502,
    runtimeDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
  });
  expect(Object.keys(usedSources['lua/5.4'] ?? {})).toEqual(['lua', 'luasocket']);
  // The rest is what the layer itself has, which says nothing of the run.
  expect(await findManifest(zip)).toEqual(inside);
  expect(inside).toEqual({
    schemaVersion: 2,
    recipe: 'lua/5.4',
    interpreter: 'lua',
    version: '5.4.7',
    platform: 'provided.al2023',
    architecture: 'x86_64',
    toolchain: {
      kind: 'debian',
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
      packages: expect.arrayContaining([
        { name: 'gcc-12', version: expect.stringMatching(/^12\.2\.0-14/) as string },
        { name: 'gcc-12-aarch64-linux-gnu', version: expect.stringMatching(/^12\.2\.0-14/) as string },
      ]) as unknown,
    },
    stages: [
      {
        recipe: 'lua/5.4',
        package: 'lua',
        version: '5.4.7',
        license: 'MIT',
        homepage: 'https://www.lua.org/',
        cpe: 'lua:lua',
        needs: [],
        patches: [],
        artifact: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        sources: [
          {
            name: 'lua',
            file: 'lua-5.4.7.tar.gz',
            sha256: '9fbf5e28ef86c69858f6d3d34eccc32e911c1a28b4120ff3e84aaa70cfbf1e30',
            urls: expect.any(Array) as string[],
          },
          // Both alternatives: which of them was taken changes nothing in the layer.
          ...['luasocket-3.1.0.tar.gz', 'luasocket_3.1.0.orig.tar.gz'].map((file) => ({
            name: 'luasocket',
            file,
            sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
            urls: expect.any(Array) as string[],
          })),
        ],
      },
    ],
  });
});

test('a second run reuses the store, gives the reason for its toolchain, and leaves the zip unchanged', async () => {
  const before = await sha256OfFile(zip);
  // Nothing listens on port 1: this registry answers that at once.
  const again = await workplace.run([
    ...['build', 'lua/5.4', '--store', workplace.store, '-o', workplace.out],
    ...['--registry', '127.0.0.1:1', '--json'],
  ]);
  expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^\{.*\}\n$/) as string });
  expect(again.stderr).toMatch(/in the store, .* 3 programs, 502 invocations/);
  expect(again.stderr).not.toContain('started');
  const result = JSON.parse(again.stdout) as Record<string, unknown>;
  expect(result).toEqual({
    path: zip,
    manifestPath: manifest,
    sbomPath: join(workplace.out, `${NAME}.cdx.json`),
    provenancePath: join(workplace.out, `${NAME}.provenance.json`),
    sha256: before,
    sizeBytes: (await readFile(zip)).length,
    reused: true,
    record: await json(manifest),
    seconds: expect.any(Number) as number,
  });
  expect(result['record']).toMatchObject({
    toolchain: { kind: 'debian' },
    toolchainReason: expect.stringMatching(
      /^127\.0\.0\.1:1 does not answer \(.*connection refused/,
    ) as string,
  });
  expect(await sha256OfFile(zip)).toBe(before);
  await expectTidy(workplace, again);
});

test('a zip that is missing or changed in the output folder is written again', async () => {
  const before = await sha256OfFile(zip);
  await writeFile(zip, 'not a layer any more');
  const again = await workplace.build('lua');
  expect(again.exitCode).toBe(0);
  expect(await sha256OfFile(zip)).toBe(before);
});

test('another user, folder, time zone, locale, umask and number of jobs give the same bytes, from a cold store', async () => {
  await using elsewhere = await Workplace.make();
  const ended = await elsewhere.build('lua', ['--sources', sources, '--jobs', '1'], {
    cwd: '/',
    env: { TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8', SOURCE_DATE_EPOCH: '1' },
    umask: '077',
    user: 54321,
  });
  expect(ended).toMatchObject({ exitCode: 0 });
  expect(ended.stderr).toMatch(/^lua\/5\.4: done in /m);
  expect((await stat(join(elsewhere.out, `${NAME}.zip`))).uid).toBe(54321);
  expect(await sha256OfFile(join(elsewhere.out, `${NAME}.zip`))).toBe(await sha256OfFile(zip));
  expect(await json(join(elsewhere.out, `${NAME}.manifest.json`))).toEqual(await json(manifest));
  await expectTidy(elsewhere, ended);
});

test('the SBOM is valid, and has the packages and their dependencies', async () => {
  const sbom = await json(join(workplace.out, `${NAME}.cdx.json`));
  expect(await judgeSbom(sbom)).toEqual([]);
  expect(sbom).toMatchObject({
    metadata: { component: { name: `${NAME}.zip`, hashes: [{ content: await sha256OfFile(zip) }] } },
    components: [
      {
        name: 'lua',
        version: '5.4.7',
        licenses: [{ expression: 'MIT' }],
        cpe: 'cpe:2.3:a:lua:lua:5.4.7:*:*:*:*:*:*:*',
        components: [{ name: 'luasocket' }],
      },
    ],
  });
  expect(JSON.stringify(sbom)).toMatch(
    /\{"type":"application","name":"gcc-12","version":"12\.2\.0-14[^"]*"\}/,
  );
});

test("the provenance is accepted by in-toto's own library, which rejects a malformed one", async () => {
  const path = join(workplace.out, `${NAME}.provenance.json`);
  expect(await judgeProvenance(await readFile(path, 'utf8'))).toBeUndefined();
  const statement = (await json(path)) as { readonly subject: unknown; readonly predicate: object };
  for (const broken of [
    { ...statement, subject: [] },
    { ...statement, predicate: { ...statement.predicate, extra: 1 } },
    { ...statement, _type: 'x' },
  ]) {
    expect(await judgeProvenance(JSON.stringify(broken)), JSON.stringify(broken).slice(0, 80)).toBeDefined();
  }
  const digest = (name: string): Promise<string> => sha256OfFile(join(workplace.out, name));
  expect(statement).toMatchObject({
    subject: [{ name: `${NAME}.zip`, digest: { sha256: await digest(`${NAME}.zip`) } }],
    predicate: {
      runDetails: {
        builder: { id: 'urn:layersmith:builder' },
        byproducts: [
          { name: `${NAME}.manifest.json`, digest: { sha256: await digest(`${NAME}.manifest.json`) } },
          { name: `${NAME}.cdx.json`, digest: { sha256: await digest(`${NAME}.cdx.json`) } },
        ],
      },
    },
  });
});

test('`test` runs the smoke tests that the manifest of a zip names', async () => {
  const ended = await workplace.run(['test', zip, '--store', workplace.store, '--toolchain', 'debian']);
  expect(ended).toMatchObject({ exitCode: 0, stdout: 'passed: 3 programs, 502 invocations\n' });
  await expectTidy(workplace, ended);
});

test('`test` accepts a zip without a manifest with --recipe', async () => {
  const copy = join(workplace.dir, 'of somebody else.zip');
  await using tree = await readZip(zip, { tmpDir: workplace.dir });
  await writeZip(
    copy,
    tree.entries.filter(({ path }) => path !== MANIFEST_PATH),
  );
  const store = ['--store', workplace.store, '--toolchain', 'debian'];
  const unknown = expectError(await workplace.run(['test', copy, ...store]), 64);
  expect(unknown).toContain('--recipe');
  const ended = await workplace.run(['test', copy, '--recipe', 'lua/5.4', '--json', ...store]);
  expect(ended.exitCode).toBe(0);
  expect(JSON.parse(ended.stdout)).toMatchObject({ recipe: 'lua/5.4', programs: 3, invocations: 502 });
});

test('`test` lists every smoke test that a changed zip fails', async () => {
  const changed = join(workplace.dir, 'changed.zip');
  await using tree = await readZip(zip, { tmpDir: workplace.dir });
  const broken = fileEntry('bootstrap', '#!/opt/bin/lua\nprint("no runtime")\nos.exit(3)\n', 0o755);
  await writeZip(
    changed,
    tree.entries.map((entry) => (entry.path === 'bootstrap' ? broken : entry)),
  );
  const ended = await workplace.run([
    ...['test', changed, '--recipe', 'lua/5.4', '--store', workplace.store, '--toolchain', 'debian'],
  ]);
  const error = expectError(ended, 78);
  expect(error).toContain('3 of 6 smoke tests failed');
  for (const name of ['greeting', 'JSON there and back', 'failing handler']) {
    expect(error).toMatch(new RegExp(`^    ${name}: .*status 3.*no runtime`, 'm'));
  }
  await expectTidy(workplace, ended);
});

test.each([
  ['is cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 5000)],
  ['has a bit changed in what is compressed', flipMiddle],
  ['has a bit changed in a checksum', flipChecksum],
  ['is no zip', () => Buffer.from('PK, but nothing else\n')],
])('`test` refuses a zip that %s', async (_what, damage) => {
  const damaged = join(workplace.dir, 'damaged.zip');
  await writeFile(damaged, damage(await readFile(zip)));
  const ended = await workplace.run([
    ...['test', damaged, '--recipe', 'lua/5.4', '--store', workplace.store, '--toolchain', 'debian'],
  ]);
  expect(expectError(ended, 73)).toContain(damaged);
  await expectTidy(workplace, ended);
});

/** In the middle of the interpreter, which is most of the zip. */
function flipMiddle(bytes: Buffer): Buffer {
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  return bytes;
}

/** Of the first file in the central directory, 16 bytes into its header (APPNOTE 4.3.12). */
function flipChecksum(bytes: Buffer): Buffer {
  const name = bytes.lastIndexOf('bin/lua');
  const checksum = name - 46 + 16;
  bytes.writeUInt8(bytes.readUInt8(checksum) ^ 1, checksum);
  return bytes;
}
