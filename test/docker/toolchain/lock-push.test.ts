import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { docker } from '../../support/amazon-stand-in.js';
import { realEngine } from '../../support/real-engine.js';
import { startRegistry, USER, type Registry } from '../../support/registry.js';
import { tinyInterpreter } from '../../support/tiny-recipe.js';
import { expectError, Workplace } from '../../support/workplace.js';

// A team with a private registry: one machine makes the toolchain's images and pushes them, others pull them by digest.

let registry: Registry;
/** The machine that locks. */
let first: Workplace;
/** Another one with the same project, and nothing else. */
let second: Workplace;

interface Lock {
  readonly images: Readonly<Record<string, { digest: string; image: string }>>;
}

/** Making the images, and packing the larger one for the registry, takes a minute on an idle machine. */
const PUSH_MS = 20 * 60_000;

const KEYS = ['debian-runtime x86_64', 'debian-toolchain x86_64'];

async function locked(): Promise<Lock> {
  return JSON.parse(await readFile(join(first.dir, 'layersmith.lock'), 'utf8')) as Lock;
}

/** Writes what `docker login` writes into the home of a machine. */
async function logIn({ home }: Workplace, password: string = USER.password): Promise<void> {
  await mkdir(join(home, '.docker'), { recursive: true });
  const auth = Buffer.from(`${USER.name}:${password}`).toString('base64');
  await writeFile(
    join(home, '.docker', 'config.json'),
    JSON.stringify({ auths: { [registry.host]: { auth } } }),
  );
}

const push = (): ReturnType<Workplace['run']> =>
  first.run([
    'lock',
    '--toolchain',
    'debian',
    '--push',
    `${registry.host}/acme/tools`,
    '--store',
    first.store,
  ]);

/** Removes the pushed images from the engine: it has never seen them. */
async function forget(): Promise<void> {
  for (const { image } of Object.values((await locked()).images))
    await docker('rmi', '--force', image).catch(() => undefined);
}

async function toolchainOf({ out }: Workplace): Promise<{ digest: string; packages: unknown[] }> {
  const text = await readFile(join(out, 'tiny-1-provided.al2023-x86_64.manifest.json'), 'utf8');
  return (JSON.parse(text) as { toolchain: { digest: string; packages: unknown[] } }).toolchain;
}

beforeAll(async () => {
  registry = await startRegistry({ isPrivate: true });
  first = await Workplace.make(tinyInterpreter('tiny'));
  second = await Workplace.make(tinyInterpreter('tiny'));
});

afterAll(async () => {
  await forget().catch(() => undefined);
  await registry[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});

test(
  '`lock --push` pushes both images with the credentials of Docker, and locks them by digest',
  async () => {
    await logIn(first);
    const before = (await (await realEngine()).listImages({ key: 'io.layersmith.image' })).map(
      ({ id }) => id,
    );
    const ended = await push();
    expect(ended.exitCode, ended.stderr).toBe(0);
    const { images } = await locked();
    expect(Object.keys(images)).toEqual(KEYS);
    for (const key of KEYS) {
      const { digest = '', image = '' } = images[key] ?? {};
      expect(image).toMatch(new RegExp(`^${registry.host}/acme/tools@sha256:[0-9a-f]{64}$`));
      // A name of its own keeps the registry from removing it.
      const name = `${key.replace(' ', '-')}-${digest.slice('sha256:'.length).slice(0, 12)}`;
      expect(ended.stderr).toContain(`pushing ${registry.host}/acme/tools:${name}\n`);
      expect(ended.stdout).toContain(`${key}: ${image}\n`);
    }
    const after = (await (await realEngine()).listImages({ key: 'io.layersmith.image' })).map(({ id }) => id);
    expect(after.filter((id) => !before.includes(id))).toEqual([]);
  },
  PUSH_MS,
);

test('another machine plans with the digest of the manifest before it has the image', async () => {
  await writeFile(join(second.dir, 'layersmith.lock'), await readFile(join(first.dir, 'layersmith.lock')));
  const args = ['plan', 'tiny', '--json', '--recipes', second.recipes, '--store', second.store];
  const ended = await second.run(args, { env: { DOCKER_HOST: 'unix:///nowhere.sock' } });
  const { toolchain } = JSON.parse(ended.stdout) as { toolchain: object };
  const image = (await locked()).images['debian-toolchain x86_64']?.image ?? '';
  expect(toolchain).toEqual({ kind: 'debian', digest: image.split('@')[1], pinned: true });
});

test('without credentials the images cannot be pulled, and the hint says how to log in', async () => {
  await forget();
  const ended = await second.build('tiny', [], {});
  const error = expectError(ended, 72);
  expect(error).toContain('could not pull the toolchain of the lock');
  expect(error).toContain(`docker login ${registry.host}`);
});

test('an engine that has never seen the images pulls them by digest, and builds with that digest', async () => {
  await logIn(second);
  const ended = await second.build('tiny', ['--locked']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stderr).not.toContain('warning');
  for (const { image } of Object.values((await locked()).images))
    expect(ended.stderr).toContain(`pulling ${image}\n`);
  const recorded = await toolchainOf(second);
  const { image = '' } = (await locked()).images['debian-toolchain x86_64'] ?? {};
  expect(recorded.digest).toBe(image.split('@')[1]);
  expect(recorded.packages.length).toBeGreaterThan(100);
});

test('the machine that pushed builds the same zip under the same key', async () => {
  const ended = await first.build('tiny', ['--locked', '--json']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  // The engine has them since the other build, and the registry is not asked.
  expect(ended.stderr).not.toContain('pulling');
  const name = 'tiny-1-provided.al2023-x86_64.zip';
  expect(await readFile(join(first.out, name))).toEqual(await readFile(join(second.out, name)));
});

test('a registry that is gone fails a build whose engine lacks the images, and no other', async () => {
  await registry[Symbol.asyncDispose]();
  const present = await second.build('tiny', ['--offline']);
  expect(present.exitCode, present.stderr).toBe(0);
  await forget();
  await rm(second.store, { recursive: true });
  expect(expectError(await second.build('tiny'), 72)).toContain('could not pull the toolchain of the lock');
  expect(expectError(await second.build('tiny', ['--offline']), 72)).toContain(
    '--offline forbids pulling it',
  );
});
