import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { BuiltRecord } from '../../../src/layer/layer-record.js';
import { luaSources } from '../../support/lua-sources.js';
import { realEngine } from '../../support/real-engine.js';
import { tinyInterpreter, tinyLibrary } from '../../support/tiny-recipe.js';
import { expectError, expectTidy, Workplace } from '../../support/workplace.js';

// The commands beside `build` and `test`, on a store that a build has been at.

let workplace: Workplace;

beforeAll(async () => {
  workplace = await Workplace.make({
    ...tinyInterpreter('tiny', { needs: ['need'] }),
    ...tinyLibrary('need'),
  });
  expect(await workplace.build('tiny')).toMatchObject({ exitCode: 0 });
});

afterAll(async () => {
  await workplace[Symbol.asyncDispose]();
});

/** What a command printed with --json: one object on one line. */
async function json(args: readonly string[]): Promise<unknown> {
  const ended = await workplace.run([...args, '--json']);
  expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^\{.*\}\n$/) as string });
  return JSON.parse(ended.stdout);
}

/** The manifest that the first build wrote. */
async function manifest(name: string): Promise<BuiltRecord> {
  return JSON.parse(await readFile(join(workplace.out, `${name}.manifest.json`), 'utf8')) as BuiltRecord;
}

describe('build in a project with advisories', () => {
  const zip = 'out/tiny-1-provided.al2023-x86_64.zip';

  beforeAll(async () => {
    const versions = { 'CVE-2099-1': '2', 'CVE-2099-2': '1' };
    await mkdir(join(workplace.dir, 'cves'));
    for (const [id, fixed] of Object.entries(versions)) {
      const ranges = [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed }] }];
      const affected = [{ package: { ecosystem: 'generic', name: 'need' }, ranges }];
      const text = JSON.stringify({ id, modified: '2099-01-01T00:00:00Z', affected });
      await writeFile(join(workplace.dir, 'cves', `${id}.json`), text);
    }
    await writeFile(join(workplace.dir, 'layersmith.yaml'), 'advisories: cves\n');
  });

  afterAll(async () => {
    await rm(join(workplace.dir, 'layersmith.yaml'));
  });

  test('says which apply to the layer, and the command that it names tells more', async () => {
    const ended = await workplace.build('tiny');
    expect(ended).toMatchObject({ exitCode: 0, stdout: `${join(workplace.dir, zip)}\n` });
    const line = `advisories: 1 of 2 apply to tiny (CVE-2099-1); \`layersmith advisories ${zip}\` tells more`;
    expect(ended.stderr.trimEnd().split('\n').at(-1)).toBe(line);
    const more = await workplace.run(['advisories', zip]);
    expect(more).toMatchObject({ exitCode: 79, stdout: expect.stringContaining('need 1') as string });
  });

  test('has them in its JSON', async () => {
    const ended = await workplace.build('tiny', ['--json']);
    const expected = { read: 2, applies: ['CVE-2099-1'], undecided: [] };
    expect(JSON.parse(ended.stdout)).toMatchObject({ advisories: expected });
  });

  test('succeeds also if they cannot be read', async () => {
    const broken = join(workplace.dir, 'cves', 'broken.json');
    await writeFile(broken, '{');
    const ended = await workplace.build('tiny');
    await rm(broken);
    expect(ended).toMatchObject({ exitCode: 0, stdout: `${join(workplace.dir, zip)}\n` });
    expect(ended.stderr).toMatch(/^warning: no advisories were compared: 1 file is not JSON .*broken\.json/m);
    expect(ended.stderr).not.toMatch(/^advisories:/m);
  });
});

describe('plan', () => {
  const plan = (recipes = workplace.recipes, toolchain = 'debian'): string[] => [
    ...['plan', 'tiny', '--recipes', recipes, '--toolchain', toolchain, '--store', workplace.store],
  ];

  test('shows each stage with its key and whether it is in the store', async () => {
    const ended = await workplace.run(plan());
    expect(ended.exitCode).toBe(0);
    const lines = ended.stdout.split('\n');
    expect(lines[0]).toMatch(/^need\/1 +1 +[0-9a-f]{16} {2}in the store$/);
    expect(lines[1]).toMatch(/^tiny\/1 +1 +[0-9a-f]{16} {2}in the store {2}after need\/1$/);
  });

  test('prints one JSON object with the keys and toolchain of the manifest, without the store', async () => {
    const built = await manifest('tiny-1-provided.al2023-x86_64');
    expect(await json(plan())).toEqual({
      layer: 'tiny',
      recipe: 'tiny/1',
      extensions: [],
      platform: 'provided.al2023',
      architecture: 'x86_64',
      toolchain: { kind: 'debian', digest: built.toolchain.digest, pinned: true },
      stages: ['need/1', 'tiny/1'].map((stage) => ({
        stage,
        version: '1',
        needs: stage === 'tiny/1' ? ['need/1'] : [],
        key: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        sources: [],
      })),
    });
  });

  test('shows which stages a change rebuilds, and builds nothing', async () => {
    await using changed = await Workplace.make({
      ...tinyInterpreter('tiny', { needs: ['need'], script: 'true changed' }),
      ...tinyLibrary('need'),
    });
    const ended = await workplace.run(plan(changed.recipes));
    expect(ended.stdout).toMatch(/^need\/1 .* in the store$/m);
    expect(ended.stdout).toMatch(/^tiny\/1 .* to be built {2}after need\/1$/m);
    await expectTidy(workplace, ended);
  });

  test("works without an engine, with the lock's toolchain", async () => {
    const env = { DOCKER_HOST: `unix://${workplace.dir}/none.sock` };
    const ended = await workplace.run(plan(), { env });
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toContain('toolchain: debian (set by --toolchain debian)');
    expect(ended.stdout).toBe((await workplace.run(plan())).stdout);
  });

  test('shows no keys without an engine and a locked toolchain', async () => {
    const env = { DOCKER_HOST: `unix://${workplace.dir}/none.sock` };
    const ended = await workplace.run(plan(workplace.recipes, 'amazonlinux'), { env });
    expect(ended.exitCode).toBe(0);
    expect(ended.stdout).toMatch(/^tiny\/1 .*\(no key yet\)/m);
    expect(ended.stderr).toMatch(/^warning: no keys: /m);
  });
});

describe('fetch', () => {
  test('downloads all sources into the store, and reports the origin of each', async () => {
    const sources = await luaSources();
    const store = join(workplace.dir, 'fetched');
    const ended = await workplace.run(['fetch', 'lua', '--sources', sources, '--store', store]);
    expect(ended).toMatchObject({ exitCode: 0 });
    const lines = ended.stdout.trim().split('\n');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^[0-9a-f]{64} {2}\S+\.tar\.gz {2}\(--sources .*\)$/);
    expect(await readdir(join(store, 'sources'))).toEqual(lines.map((line) => line.slice(0, 64)).sort());
    expect(await readdir(join(store, 'artifacts'))).toEqual([]);
    expect(await json(['fetch', 'lua', '--offline', '--store', store])).toEqual({
      sources: ['lua', 'luasocket'].map((name) => ({
        recipe: 'lua/5.4',
        name,
        file: expect.any(String) as string,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        from: 'the store',
      })),
    });
  });
});

describe('doctor', () => {
  const NAMES = ['engine', 'disk', 'memory', 'registry', 'toolchain', 'store'];

  test('reports each check, with a remedy for each problem', async () => {
    const args = ['doctor', '--store', workplace.store, '--registry', '127.0.0.1:1'];
    const ended = await workplace.run(args);
    expect(ended.exitCode).toBe(0);
    const lines = ended.stdout.trimEnd().split('\n');
    const findings = lines.filter((line) => !/^ +→ /.test(line));
    expect(findings.map((line) => line.split(/ +/)[1])).toEqual(NAMES);
    expect(ended.stdout).toMatch(/^ok +engine +(Docker|Podman) /m);
    expect(ended.stdout).toMatch(/^warning +registry +.*connection refused.*\n +→ .*--registry/m);
    expect(ended.stdout).toMatch(/^ok +toolchain +in the engine: .*debian-toolchain/m);
    const { findings: found } = (await json(args)) as { findings: { name: string; state: string }[] };
    expect(found.map(({ name }) => name)).toEqual(NAMES);
    expect(found.find(({ name }) => name === 'registry')).toMatchObject({
      state: 'warning',
      remedy: expect.stringContaining('--registry') as string,
    });
  });

  test('reports a missing engine on stdout, with its exit code and remedy', async () => {
    const env = { DOCKER_HOST: `unix://${workplace.dir}/none.sock` };
    const ended = await workplace.run(['doctor', '--store', workplace.store], { env });
    expect(ended.exitCode).toBe(69);
    expect(ended.stdout).toMatch(/^problem +engine +.*none\.sock.*\n +→ /m);
  });

  test('reports a store that cannot be created', async () => {
    const store = join(workplace.recipes, 'tiny', 'build.sh', 'store');
    const ended = await workplace.run(['doctor', '--store', store, '--registry', '127.0.0.1:1']);
    expect(ended.exitCode).toBe(74);
    expect(ended.stdout).toMatch(/^problem +store +\/.*\/build\.sh\/store is not writable\n +→ /m);
  });

  test('creates no store', async () => {
    const store = join(workplace.dir, 'not', 'made');
    expect((await workplace.run(['doctor', '--store', store, '--registry', '127.0.0.1:1'])).exitCode).toBe(0);
    expect(existsSync(join(workplace.dir, 'not'))).toBe(false);
  });
});

describe('clean', () => {
  test('requires a selection', async () => {
    const error = expectError(await workplace.run(['clean']), 64);
    expect(error).toContain('--older-than');
    expect(expectError(await workplace.run(['clean', '--older-than', 'long']), 64)).toMatch(
      /--older-than.*long/,
    );
    expect(expectError(await workplace.run(['clean', '--max-size', '-1']), 64)).toContain('--max-size');
  });

  test('--images --dry-run lists the images of layersmith, and removes none', async () => {
    const engine = await realEngine();
    const ours = (await engine.listImages({ key: 'io.layersmith.image' })).map(({ id }) => id);
    const found = (await json(['clean', '--images', '--dry-run'])) as { images: string[] };
    expect(found).toMatchObject({ dryRun: true, containers: [], store: { entries: [], bytes: 0 } });
    expect(ours).toEqual(expect.arrayContaining(found.images));
    expect(found.images.length).toBeGreaterThanOrEqual(2);
    for (const id of found.images.slice(0, 2)) expect(await engine.inspectImage(id)).toBeDefined();
  });

  test('--older-than removes entries that were not used since, and a build creates them again', async () => {
    const [artifacts, layers] = [join(workplace.store, 'artifacts'), join(workplace.store, 'layers')];
    const before = await readdir(artifacts);
    const old = await workplace.entry('artifacts', 'tiny/1');
    const past = new Date(Date.now() - 40 * 24 * 60 * 60 * 1000);
    await utimes(old, past, past);
    await utimes(await workplace.entry('layers', 'tiny/1'), past, past);
    const args = ['clean', '--older-than', '30d', '--store', workplace.store];
    const dry = (await json([...args, '--dry-run'])) as { store: { entries: { path: string }[] } };
    expect(dry.store.entries.map(({ path }) => path)).toContain(old);
    expect(dry.store.entries).toHaveLength(2);
    expect(await readdir(artifacts)).toEqual(before);

    const ended = await workplace.run(args);
    expect(ended.stdout).toMatch(/^removed 0 container.* 0 image.* 2 store entries \(\d.* [KM]?B\)\n$/);
    expect(await readdir(artifacts)).toHaveLength(before.length - 1);
    expect(await readdir(layers)).toEqual([]);
    await expectTidy(workplace, ended);

    const again = await workplace.build('tiny');
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.stderr).toContain('need/1: in the store\n');
    expect(again.stderr).toMatch(/^tiny\/1: done in /m);
  });

  test('--max-size 0 empties the store, which can still be used', async () => {
    const ended = await workplace.run(['clean', '--max-size', '0', '--store', workplace.store]);
    expect(ended.exitCode).toBe(0);
    for (const shelf of ['artifacts', 'layers', 'sources', 'logs', 'tmp']) {
      expect(await readdir(join(workplace.store, shelf))).toEqual([]);
    }
    expect(await workplace.build('tiny')).toMatchObject({ exitCode: 0 });
  });
});

test('recipes lists the built-in recipes and those of the folder, and shows one', async () => {
  const listed = await workplace.run(['recipes', '--recipes', workplace.recipes]);
  expect(listed.stdout).toMatch(/^tiny\/1 +1 +interpreter$/m);
  expect(listed.stdout).toMatch(/^php\/8\.4 +8\.4\.\d+ +interpreter +until 2028-/m);
  expect(await json(['recipes', 'tiny', '--recipes', workplace.recipes])).toMatchObject({
    name: 'tiny/1',
    needs: ['need'],
  });
});
