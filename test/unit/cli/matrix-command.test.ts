import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  gitlabPipeline,
  githubMatrix,
  layerMatrix,
  runnersOf,
  RUNNERS,
} from '../../../src/cli/layer-matrix.js';
import { plannedLayers } from '../../../src/cli/planned-layers.js';
import { run } from '../../../src/cli/run.js';
import { UsageError } from '../../../src/core/errors.js';
import { openRecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { failure } from '../../support/failure.js';
import { fakeIo } from '../../support/fake-io.js';
import { interpreterYaml, recipeFolder } from '../../support/recipe-files.js';
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
