import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PACKAGE_ROOT } from '../support/fake-io.js';
import { realEngine } from '../support/real-engine.js';
import { tinyInterpreter } from '../support/tiny-recipe.js';
import { Workplace } from '../support/workplace.js';

// layersmith with a lock file of its own, that is written by what the mirror has today.

let root: string;
let workplace: Workplace;

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function layersmith(...args: readonly string[]): Promise<Ended> {
  const { endpoint } = await realEngine();
  const more = ['--store', workplace.store, '--toolchain', 'debian'];
  const options = { cwd: root, env: { ...process.env, HOME: workplace.home, DOCKER_HOST: endpoint } };
  return promisify(execFile)('node', ['build/cli/main.js', ...args, ...more], options).then(
    (done) => ({ exitCode: 0, ...done }),
    (error: unknown) => {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { exitCode: code, stdout, stderr };
    },
  );
}

const build = (...args: readonly string[]): Promise<Ended> =>
  layersmith('build', 'tiny', '--recipes', workplace.recipes, '--output', workplace.out, ...args);

interface Lock {
  readonly toolchains: Readonly<Record<string, { runtime: string; packages: Record<string, string> }>>;
}
const lockPath = (): string => join(root, 'platforms', 'lock.json');
const readLock = async (): Promise<Lock> => JSON.parse(await readFile(lockPath(), 'utf8')) as Lock;
const KEY = 'provided.al2023 x86_64 debian';

beforeAll(async () => {
  workplace = await Workplace.make(tinyInterpreter('tiny'));
  root = await mkdtemp(join(tmpdir(), 'layersmith-lock-'));
  for (const name of ['build', 'platforms', 'package.json']) {
    await cp(join(PACKAGE_ROOT, name), join(root, name), { recursive: true });
  }
  for (const name of ['node_modules', 'recipes', 'scripts', 'Dockerfile.amazonlinux'])
    await symlink(join(PACKAGE_ROOT, name), join(root, name));
  await mkdir(workplace.out);
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
  await workplace[Symbol.asyncDispose]();
});

test('`lock` takes the toolchain of today, with its packages, and a build then follows it', async () => {
  await writeFile(lockPath(), '{"schemaVersion": 1, "toolchains": {}}');
  const locked = await layersmith('lock');
  expect(locked).toMatchObject({ exitCode: 0 });
  expect(locked.stdout).toMatch(/^locked: provided\.al2023 x86_64 debian, 1\d\d packages\n$/);
  const packages = (await readLock()).toolchains[KEY]?.packages;
  expect(packages?.['gcc-10']).toMatch(/^10\.2\.1-/);
  expect(packages?.['libc6']).toMatch(/^2\.31-/);
  // Pinned to what the mirror has, the images are the same bytes as without pins.
  const ended = await build('--locked');
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stderr).not.toContain('warning');
});

test('what differs from the lock file is named, and refused with --locked', async () => {
  const lock = await readLock();
  const entry = lock.toolchains[KEY];
  if (entry === undefined) throw new Error('nothing is locked');
  const real = entry.runtime;
  entry.runtime = `sha256:${'0'.repeat(64)}`;
  await writeFile(lockPath(), JSON.stringify(lock));
  const refused = await build('--locked');
  expect(refused.exitCode).toBe(76);
  expect(refused.stderr).toContain(`runtime image ${entry.runtime} → ${real}`);
  const warned = await build();
  expect(warned.exitCode, warned.stderr).toBe(0);
  expect(warned.stderr).toContain(
    `warning: the toolchain is not the one of platforms/lock.json: runtime image ${entry.runtime} → ${real}`,
  );
});

test('`lock --check` writes nothing, and fails when the mirror has moved', async () => {
  const lock = await readLock();
  const { packages = {} } = lock.toolchains[KEY] ?? {};
  packages['gcc-10'] = '10.2.1-1';
  const text = JSON.stringify(lock);
  await writeFile(lockPath(), text);
  const checked = await layersmith('lock', '--check');
  expect(checked.exitCode).toBe(76);
  expect(checked.stdout).toMatch(/^gcc-10 10\.2\.1-1 → 10\.2\.1-\d+$/m);
  expect(await readFile(lockPath(), 'utf8')).toBe(text);
});
