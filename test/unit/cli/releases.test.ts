import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { fakeIo } from '../../support/fake-io.js';
import { interpreterYaml, recipeFiles, releasesYaml } from '../../support/recipe-files.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { startServer, type TestServer } from '../source/source-support.js';

/** A project with php/8.4 in three releases, of which the server has some, on lib/1 in two, of which it has none. */
interface Project extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly server: TestServer;
  /** The versions whose tarballs the server has. */
  readonly has: Set<string>;
  readonly layersmith: (
    ...argv: readonly string[]
  ) => Promise<{ exitCode: number; stdout: string; stderr: string }>;
  lock(): Promise<unknown>;
}

async function project(...versions: readonly string[]): Promise<Project> {
  const folder = await temporaryFolder();
  const has = new Set(versions);
  const server = await startServer((request, response) => {
    const version = request.url?.slice(1) ?? '';
    // The sha256 of a made-up release is that of its version.
    if (has.has(version)) response.end(version);
    else response.writeHead(404).end();
  });
  const releases = (...all: readonly (readonly [string, string?])[]): string =>
    releasesYaml(
      all.map(([version, fixes]) => ({
        version,
        security: fixes === undefined ? [] : [fixes],
        urls: [`${server.origin}/${version}`],
      })),
    );
  await folder.write({
    'layersmith.yaml': '',
    ...Object.fromEntries(
      Object.entries({
        ...recipeFiles({ 'php/8.4': [], 'lib/1': [], 'only/1': [] }),
        'php/package.yaml': interpreterYaml('8.4'),
        'php/8.4.yaml': releases(['8.4.28', 'CVE-2026-2'], ['8.4.27'], ['8.4.24']).replace(
          '[]',
          '[lib, only]',
        ),
        'lib/1.yaml': releases(['1.2'], ['1.1']),
      }).map(([name, text]) => [`recipes/${name}`, text]),
    ),
  });
  return {
    folder,
    server,
    has,
    async layersmith(...argv) {
      // The archive of Debian is asked too: it is this server, which has nothing else.
      const { env } = fakeIo(folder.path);
      const io = fakeIo(folder.path, { env: { ...env, LAYERSMITH_DEBIAN_MIRROR: server.origin } });
      const exitCode = await run([...argv, '--store', 'store'], io);
      const named = (text: string): string => text.replaceAll(folder.path, 'HOME');
      return { exitCode, stdout: named(io.stdout()), stderr: named(io.stderr()) };
    },
    lock: async () => JSON.parse(await readFile(join(folder.path, 'layersmith.lock'), 'utf8')) as unknown,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The versions of the stages of a plan. */
async function planned({ layersmith }: Project, ...argv: readonly string[]): Promise<Record<string, string>> {
  const { stdout, stderr } = await layersmith('plan', ...argv, '--json');
  expect(stderr).not.toContain('layersmith: ');
  const { stages } = JSON.parse(stdout) as { stages: { stage: string; version: string }[] };
  return Object.fromEntries(stages.map(({ stage, version }) => [stage, version]));
}

describe('plan', () => {
  test('has the newest releases whose sources are available, says so, and asks for the others once an hour', async () => {
    await using place = await project('8.4.27', '8.4.24', '1.2');
    const first = await place.layersmith('plan', 'php/8.4');
    expect(first.stdout).toMatch(/^php\/8\.4 +8\.4\.27/m);
    expect(first.stderr).toContain(
      'warning: php/8.4: builds 8.4.27, because the sources of 8.4.28 are not available (their downloads failed); it fixes CVE-2026-2\n',
    );
    expect(first.stderr).not.toContain('lib/1:');
    const asked = place.server.asked.length;
    expect(await planned(place, 'php/8.4')).toMatchObject({ 'php/8.4': '8.4.27', 'lib/1': '1.2' });
    expect(place.server.asked.length).toBe(asked);
  });

  test('of one release has that one, available or not', async () => {
    await using place = await project('1.2');
    expect(await planned(place, 'php/8.4.24')).toMatchObject({ 'php/8.4': '8.4.24' });
  });

  test('--offline has what is in the store, and --sources what is there', async () => {
    await using place = await project('8.4.24', '1.1');
    await place.layersmith('fetch', 'php/8.4');
    const asked = place.server.asked.length;
    expect(await planned(place, 'php/8.4', '--offline')).toMatchObject({
      'php/8.4': '8.4.24',
      'lib/1': '1.1',
    });
    await writeFile(join(place.folder.path, '8.4.28'), '8.4.28');
    expect(await planned(place, 'php/8.4', '--sources', '.')).toMatchObject({ 'php/8.4': '8.4.28' });
    expect(place.server.asked.length).toBe(asked);
  });
});

test('fetch tries releases again whose downloads failed a moment ago', async () => {
  await using place = await project('8.4.24', '1.2');
  expect(await planned(place, 'php/8.4')).toMatchObject({ 'php/8.4': '8.4.24' });
  place.has.add('8.4.28');
  expect(await planned(place, 'php/8.4')).toMatchObject({ 'php/8.4': '8.4.24' });
  await place.layersmith('fetch', 'php/8.4');
  expect(await planned(place, 'php/8.4')).toMatchObject({ 'php/8.4': '8.4.28' });
});

describe('lock', () => {
  test('pins the releases of a recipe and its libraries that have several; a plan then has those', async () => {
    await using place = await project('8.4.24', '1.2');
    const { exitCode, stdout } = await place.layersmith('lock', 'php', '--releases-only');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'lib/1: not locked → 1.2\nphp/8.4: not locked → 8.4.24\nlocked: 2 releases\n',
    });
    const releases = { 'lib/1': '1.2', 'php/8.4': '8.4.24' };
    expect(await place.lock()).toEqual({ schemaVersion: 2, images: {}, releases });
    place.has.add('8.4.28');
    expect(await planned(place, 'php/8.4')).toMatchObject({ 'php/8.4': '8.4.24' });
  });

  test('pins a release as it is named, and without names chooses the locked lines again; --check only compares', async () => {
    await using place = await project('8.4.28', '1.2');
    await place.layersmith('lock', 'php/8.4.24', '--releases-only');
    const before = await place.lock();
    expect(before).toMatchObject({ releases: { 'php/8.4': '8.4.24' } });
    const checked = await place.layersmith('lock', '--check', '--releases-only');
    expect(checked).toMatchObject({
      exitCode: 76,
      stdout: 'php/8.4: 8.4.24 → 8.4.28\nnot the same: 2 releases\n',
    });
    expect(await place.lock()).toEqual(before);
    await place.layersmith('lock', '--releases-only');
    expect(await place.lock()).toMatchObject({ releases: { 'php/8.4': '8.4.28' } });
    expect(await place.layersmith('lock', '--check', '--releases-only')).toMatchObject({
      exitCode: 0,
      stdout: 'the same: 2 releases\n',
    });
  });

  test('without names pins the releases of the layers of layersmith.yaml', async () => {
    await using place = await project('8.4.27', '1.2');
    await place.folder.write({ 'layersmith.yaml': 'layers: { shop: { base: php/8.4 } }\n' });
    await place.layersmith('lock', '--releases-only');
    expect(await place.lock()).toMatchObject({ releases: { 'lib/1': '1.2', 'php/8.4': '8.4.27' } });
  });

  test('drops a line that no recipe has any more, with a warning', async () => {
    await using place = await project('8.4.28', '1.2');
    const lock = { schemaVersion: 2, images: {}, releases: { 'php/8.1': '8.1.1' } };
    await place.folder.write({ 'layersmith.lock': JSON.stringify(lock) });
    const { stdout, stderr } = await place.layersmith('lock', '--releases-only', '--json');
    expect(stderr).toContain('php/8.1 is no longer locked: there is no recipe php/8.1.');
    expect(JSON.parse(stdout)).toMatchObject({ releases: {}, differences: ['php/8.1: 8.1.1 → not locked'] });
    expect(await place.lock()).toEqual({ schemaVersion: 2, images: {} });
  });
});

describe('build --locked', () => {
  test('refuses a line with several releases that the lock does not have, and says what to run', async () => {
    await using place = await project('8.4.28', '1.2');
    const { exitCode, stderr } = await place.layersmith('build', 'php/8.4', '--locked');
    expect(exitCode).toBe(76);
    expect(stderr).toContain('--locked: the lock file has no release of php/8.4');
    expect(stderr).toContain('`layersmith lock php/8.4`');
    expect(place.server.asked).toEqual([]);
  });

  test('gets past the releases where they are locked, or where there is no choice', async () => {
    await using place = await project('8.4.28', '1.2');
    await place.layersmith('lock', 'php/8.4', '--releases-only');
    // There is no engine: the release was no obstacle.
    expect(await place.layersmith('build', 'php/8.4', '--locked')).toMatchObject({ exitCode: 69 });
    await place.folder.write({ 'layersmith.lock': '{"schemaVersion":2,"images":{}}' });
    expect(await place.layersmith('build', 'lua', '--locked')).toMatchObject({ exitCode: 69 });
  });
});

test('advisories looks at the release that a build would take', async () => {
  await using place = await project('8.4.24', '1.2');
  await place.folder.write({
    'osv/CVE-2026-2.json': JSON.stringify({
      id: 'CVE-2026-2',
      affected: [
        {
          package: { ecosystem: 'GIT', name: 'php' },
          ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '8.4.28' }] }],
        },
      ],
    }),
  });
  const report = async (): Promise<string> => {
    const { stdout } = await place.layersmith('advisories', 'php/8.4', '--from', 'osv', '--json');
    const { packages } = JSON.parse(stdout) as { packages: { recipe: string; version: string }[] };
    return packages.find(({ recipe }) => recipe === 'php/8.4')?.version ?? '';
  };
  expect(await report()).toBe('8.4.24');
  place.has.add('8.4.28');
  await place.layersmith('fetch', 'php/8.4');
  expect(await report()).toBe('8.4.28');
});

test('recipes lists the releases of a line, and what they fix', async () => {
  await using place = await project();
  const io = fakeIo(place.folder.path);
  await run(['recipes', 'php/8.4'], io);
  expect(io.stdout()).toContain('release   8.4.28  fixes CVE-2026-2\nrelease   8.4.27\nrelease   8.4.24\n');
  const json = fakeIo(place.folder.path);
  await run(['recipes', 'php/8.4', '--json'], json);
  expect(JSON.parse(json.stdout())).toMatchObject({
    version: '8.4.28',
    releases: [{ version: '8.4.28', security: ['CVE-2026-2'] }, { version: '8.4.27' }, { version: '8.4.24' }],
  });
});
