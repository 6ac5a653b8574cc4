import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  gitlabPipeline,
  githubMatrix,
  layerMatrix,
  runnersOf,
  RUNNERS,
} from '../../../src/cli/layer-matrix.js';
import { plainReporter } from '../../../src/cli/plain-reporter.js';
import { plannedLayers } from '../../../src/cli/planned-layers.js';
import { run } from '../../../src/cli/run.js';
import { openLibrary } from '../../../src/cli/session.js';
import { builtLayers } from '../../../src/cli/shared-layers.js';
import type { Sha256 } from '../../../src/core/digest.js';
import { UsageError } from '../../../src/core/errors.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { folderObjects } from '../../../src/store/folder-objects.js';
import type { Store } from '../../../src/store/store.js';
import type { TolerantStore } from '../../../src/store/tolerant-store.js';
import { writeLock } from '../../../src/toolchain/lock-file.js';
import { failure } from '../../support/failure.js';
import { fakeIo } from '../../support/fake-io.js';
import { interpreterYaml, recipeFolder } from '../../support/recipe-files.js';
import { itemOf, OUR_KEY, sharedStore } from '../../support/shared-store.js';
import type { TemporaryFolder } from '../../support/temporary-folder.js';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await recipeFolder(
    { 'php/8.4': [], 'php/8.2': [] },
    { 'php/package.yaml': interpreterYaml('8.4') },
  );
  await folder.write({
    'layersmith.yaml': `layers:
  shop: { base: php/8.4, architectures: [x86_64, arm64] }
  old: { base: php/8.2, platforms: [provided.al2] }
`,
  });
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

async function matrix(...args: readonly string[]) {
  const io = fakeIo(folder.path);
  const exitCode = await run(['matrix', '--recipes', folder.path, ...args], io);
  return { exitCode, stdout: io.stdout(), stderr: io.stderr() };
}

const SHOP = { layer: 'shop', platform: 'provided.al2023' };

test('--json is a matrix of GitHub with a job for each layer, platform and architecture', async () => {
  const { exitCode, stdout } = await matrix('--json');
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    include: [
      { ...SHOP, arch: 'x86_64', runner: 'ubuntu-24.04' },
      { ...SHOP, arch: 'arm64', runner: 'ubuntu-24.04-arm' },
      { layer: 'old', platform: 'provided.al2', arch: 'x86_64', runner: 'ubuntu-24.04' },
    ],
  });
  expect((await matrix('--format', 'github')).stdout).toBe(stdout);
});

test('without a format it is a line for each job', async () => {
  expect((await matrix('shop')).stdout).toBe('shop  provided.al2023  x86_64\nshop  provided.al2023  arm64\n');
});

test('a recipe is a job by its full name, and flags replace platforms and architectures', async () => {
  const { stdout } = await matrix('php/8.2', 'shop', '--arch', 'arm64', '--platform', 'provided.al2');
  expect(stdout).toBe('php/8.2  provided.al2  arm64\nshop  provided.al2  arm64\n');
});

test('--runner replaces the runner of an architecture', async () => {
  const { stdout } = await matrix('shop', '--json', '--runner', 'arm64=my=arm');
  const { include } = JSON.parse(stdout) as { include: { runner: string }[] };
  expect(include.map(({ runner }) => runner)).toEqual(['ubuntu-24.04', 'my=arm']);
  const refused = await matrix('--json', '--runner', 'riscv=x');
  expect(refused.exitCode).toBe(64);
  expect(refused.stderr).toContain("'riscv=x' is not ARCHITECTURE=LABEL");
});

test('for GitLab it is a child pipeline whose jobs extend a job of the included file', async () => {
  const { stdout } = await matrix('--format', 'gitlab', 'old', '--include', 'ci/layer.yml');
  expect(JSON.parse(stdout)).toEqual({
    include: [{ local: 'ci/layer.yml' }],
    layer: {
      extends: '.layersmith',
      parallel: {
        matrix: [{ LAYER: 'old', PLATFORM: 'provided.al2', ARCH: 'x86_64', RUNNER: RUNNERS.gitlab.x86_64 }],
      },
    },
  });
});

test('layers that exist already are left out', async () => {
  const everywhere = { names: [], with: [], platform: undefined, arch: undefined };
  const library = await openRecipeLibrary([folder.path]);
  const targets = await plannedLayers(fakeIo(folder.path), everywhere, library);
  const { jobs, built } = await layerMatrix(targets, {
    runners: runnersOf([], 'github'),
    isBuilt: ({ arch, target }) => Promise.resolve(arch === 'x86_64' && target === 'shop'),
  });
  expect(jobs.map(({ layer, arch }) => `${layer} ${arch}`)).toEqual(['shop arm64', 'old x86_64']);
  expect(built.map(({ layer, arch }) => `${layer} ${arch}`)).toEqual(['shop x86_64']);
});

describe('with a shared store', () => {
  const digests = { x86_64: 'a', arm64: 'b', runtime: 'c' };

  /** Locks the embedded toolchain for machines of both architectures, with these digests. */
  async function lock({ x86_64, arm64, runtime } = digests): Promise<void> {
    const image = (digest: string) => ({ digest: `sha256:${digest.repeat(64)}`, files: [], packages: [] });
    await writeLock(
      join(folder.path, 'layersmith.lock'),
      new Map([
        ['debian-toolchain x86_64', image(x86_64)],
        ['debian-toolchain arm64', image(arm64)],
        ['debian-runtime x86_64', image(runtime)],
        ['debian-runtime arm64', image(runtime)],
      ]),
    );
  }

  /** The keys under which the layers of `shop` are looked for, by architecture. */
  async function keysOfShop(): Promise<Readonly<Record<string, Sha256>>> {
    const io = fakeIo(folder.path);
    const library = await openLibrary(io, [folder.path]);
    const flags = { with: [], platform: undefined, arch: undefined };
    const keys: Record<string, Sha256> = {};
    for (const target of await plannedLayers(io, { ...flags, names: ['shop'] }, library)) {
      const shared = {
        find: (_shelf: string, key: Sha256) => {
          keys[target.arch] = key;
          return Promise.resolve(undefined);
        },
      } as unknown as TolerantStore;
      const parts = { library, shared, store: {} as Store, reporter: plainReporter(QUIET) };
      const args = { toolchain: undefined, registry: undefined, offline: false };
      await builtLayers(io, args, parts)(target);
    }
    return keys;
  }
  const QUIET = { print: () => undefined, now: () => 0 };

  test('a layer in it is left out, and named on stderr', async () => {
    await lock();
    const { x86_64: key } = await keysOfShop();
    const store = sharedStore(folderObjects(join(folder.path, 'shared')), folder);
    await store.keep('layers', await itemOf('a zip', folder, key && { key }), AbortSignal.timeout(10_000));
    const text = await readFile(join(folder.path, 'layersmith.yaml'), 'utf8');
    await folder.write({
      'layersmith.yaml': `store: shared\ntrustedKeys: { ours: '${OUR_KEY.publicKey}' }\n${text}`,
    });
    const { stdout, stderr } = await matrix('shop');
    expect(stdout).toBe('shop  provided.al2023  arm64\n');
    expect(stderr).toContain('in the shared store, left out: shop  provided.al2023  x86_64\n');
    expect((await matrix('shop', '--shared-store', 'none')).stdout).toContain('x86_64');
  });

  test('a layer is looked for as a machine of its architecture builds it', async () => {
    await lock();
    const before = await keysOfShop();
    await lock({ ...digests, x86_64: 'd' });
    const after = await keysOfShop();
    expect(after['arm64']).toBe(before['arm64']);
    expect(after['x86_64']).not.toBe(before['x86_64']);
  });
});

const job = (index: number) => ({ ...SHOP, layer: `layer${index}`, arch: 'x86_64', runner: 'r' }) as const;
const many = (count: number) => Array.from({ length: count }, (_, index) => job(index));

test('no jobs are an empty matrix, or a child pipeline with a job that does nothing', () => {
  expect(githubMatrix([])).toEqual({ include: [] });
  expect(Object.values(gitlabPipeline([], { include: 'x' }))).toEqual([{ script: [expect.any(String)] }]);
});

test('more jobs than GitHub allows are refused; for GitLab they are several matrices', async () => {
  expect(githubMatrix(many(256))).toMatchObject({ include: { length: 256 } });
  const refused = await failure(
    Promise.resolve().then(() => githubMatrix(many(257))),
    UsageError,
  );
  expect(refused.message).toContain('257');
  const pipeline = gitlabPipeline(many(201), { include: 'x' });
  expect(Object.keys(pipeline)).toEqual(['include', 'layer 1', 'layer 2']);
  expect(pipeline).toMatchObject({ 'layer 1': { parallel: { matrix: { length: 200 } } } });
  expect(pipeline).toMatchObject({ 'layer 2': { parallel: { matrix: { length: 1 } } } });
});
