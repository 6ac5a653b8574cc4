import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { plannedToolchain } from '../../../src/cli/planned-toolchain.js';
import { toolchainInEngine } from '../../../src/cli/toolchain-session.js';
import { run } from '../../../src/cli/run.js';
import { EngineError, StageError, UsageError } from '../../../src/core/errors.js';
import type { ContainerEngine, ImageInfo } from '../../../src/engine/container-engine.js';
import { digestInKeys, readLock, writeLock, type LockedImage } from '../../../src/toolchain/lock-file.js';
import { publishedImage } from '../../../src/toolchain/published-image.js';
import { isPublishedReference, type PublishedReference } from '../../../src/toolchain/published-reference.js';
import { checkRepository, pushImage } from '../../../src/toolchain/push-image.js';
import { failure } from '../../support/failure.js';
import { fakeIo } from '../../support/fake-io.js';
import { PLATFORM } from '../../support/platform.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const { signal } = new AbortController();
const REPOSITORY = 'ghcr.io/acme/tools';
const MANIFEST = `sha256:${'a'.repeat(64)}`;
const CONTENT = `sha256:${'c'.repeat(64)}`;
const REFERENCE = `${REPOSITORY}@${MANIFEST}` as PublishedReference;
const IMAGE: ImageInfo = {
  ...{ id: 'sha256:config', repoDigests: [], tags: [], labels: {}, sizeBytes: 0, createdAt: new Date(0) },
};
const LOCKED: LockedImage = { digest: CONTENT, image: REFERENCE, files: [], packages: [] };

/** An engine that notes what it is asked to do. */
function engineWith(
  changes: Partial<ContainerEngine>,
): ContainerEngine & { readonly asked: readonly string[] } {
  const asked: string[] = [];
  return {
    asked,
    info: () => Promise.resolve({ architecture: 'x86_64' }),
    inspectImage: () => Promise.resolve(undefined),
    pull: (reference: string, { platform }: { platform?: string }) => {
      asked.push(`pull ${reference} ${platform ?? ''}`);
      return Promise.resolve(IMAGE);
    },
    push: (image: string, reference: string) => {
      asked.push(`push ${image} ${reference}`);
      return Promise.resolve(MANIFEST);
    },
    ...changes,
  } as unknown as ContainerEngine & { readonly asked: readonly string[] };
}

test.each([
  [REFERENCE, true],
  [`127.0.0.1:5000/tools@${MANIFEST}`, true],
  [`tools@${MANIFEST}`, false],
  [`${REPOSITORY}:v1@${MANIFEST}`, false],
  [`${REPOSITORY}@sha256:abc`, false],
])('%s is a reference by digest: %s', (text, expected) => {
  expect(isPublishedReference(text)).toBe(expected);
});

describe('an image of the lock', () => {
  const image = (engine: ContainerEngine, offline = false) =>
    publishedImage(REFERENCE, {
      architecture: 'arm64',
      options: { engine, offline, report: () => undefined, signal },
    });

  test('is pulled by its digest, for its architecture, and is identified by the manifest', async () => {
    const engine = engineWith({});
    expect(await image(engine)).toEqual({ id: IMAGE.id, digest: MANIFEST, reference: REFERENCE });
    expect(engine.asked).toEqual([`pull ${REFERENCE} linux/arm64`]);
  });

  test('that the engine has is not pulled', async () => {
    const engine = engineWith({ inspectImage: () => Promise.resolve(IMAGE) });
    expect(await image(engine, true)).toMatchObject({ digest: MANIFEST });
    expect(engine.asked).toEqual([]);
  });

  test('that cannot be pulled is an error of the toolchain, with how to log in', async () => {
    const refused = engineWith({ pull: () => Promise.reject(new EngineError('denied')) });
    const error = await failure(image(refused), StageError);
    expect(error.message).toContain('denied');
    expect(error.hint).toContain('docker login ghcr.io');
    expect((await failure(image(engineWith({}), true), StageError)).message).toContain('--offline');
  });
});

describe('a push', () => {
  const push = (engine: ContainerEngine, locked?: LockedImage) =>
    pushImage(
      { key: 'debian-runtime x86_64', id: 'sha256:config', digest: CONTENT, locked },
      { repository: REPOSITORY, engine, report: () => undefined, signal },
    );
  const answers = { resolveRemoteDigest: () => Promise.resolve(MANIFEST) };

  test('gives the image a tag of its key and content, and returns the reference by digest', async () => {
    const engine = engineWith({});
    expect(await push(engine)).toBe(REFERENCE);
    expect(engine.asked).toEqual([
      `push sha256:config ${REPOSITORY}:debian-runtime-x86_64-${'c'.repeat(12)}`,
    ]);
  });

  test('is left out if the lock names the same content there, and the registry has it', async () => {
    const engine = engineWith(answers);
    expect(await push(engine, LOCKED)).toBe(REFERENCE);
    expect(engine.asked).toEqual([]);
  });

  test.each<[string, Partial<ContainerEngine>, LockedImage]>([
    ['has other content', answers, { ...LOCKED, digest: 'sha256:old' }],
    [
      'names another repository',
      answers,
      { ...LOCKED, image: `ghcr.io/other@${MANIFEST}` as PublishedReference },
    ],
    [
      'names what the registry has lost',
      { resolveRemoteDigest: () => Promise.reject(new EngineError('not found', { statusCode: 404 })) },
      LOCKED,
    ],
  ])('is done if the lock %s', async (_name, changes, locked) => {
    const engine = engineWith(changes);
    await push(engine, locked);
    expect(engine.asked).toHaveLength(1);
  });

  test('that the registry refuses is an error with how to log in', async () => {
    const refused = engineWith({ push: () => Promise.reject(new EngineError('denied')) });
    const error = await failure(push(refused), StageError);
    expect(error.message).toContain('debian-runtime x86_64: denied');
    expect(error.hint).toContain('docker login ghcr.io');
  });
});

test.each(['ghcr.io/acme/tools', '127.0.0.1:5000/tools', 'localhost/a/b-c_d', 'registry:5000/a'])(
  '--push takes %s',
  (text) => {
    checkRepository(text);
  },
);

test.each(['tools', 'acme/tools', 'ghcr.io/acme/tools:v1', 'ghcr.io/Acme', REFERENCE, 'ghcr.io/'])(
  '--push refuses %s',
  async (text) => {
    const error = await failure(
      Promise.resolve().then(() => {
        checkRepository(text);
      }),
      UsageError,
    );
    expect(error.hint).toContain('ghcr.io/acme/layersmith');
  },
);

test.each(['--check', '--releases-only'])('--push with %s is a usage error', async (flag) => {
  await using folder = await temporaryFolder();
  const io = fakeIo(folder.path);
  expect(await run(['lock', '--push', REPOSITORY, flag], io)).toBe(64);
  expect(io.stderr()).toContain(flag);
});

test('a lock keeps the references, and refuses others', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'layersmith.lock');
  await writeLock(path, new Map([['a', LOCKED]]));
  expect((await readLock(path)).get('a')).toEqual(LOCKED);
  expect(digestInKeys(LOCKED)).toBe(MANIFEST);
  expect(digestInKeys({ ...LOCKED, image: undefined })).toBe(CONTENT);
  const images = { a: { digest: CONTENT, image: `${REPOSITORY}:latest` } };
  await folder.write({ 'layersmith.lock': JSON.stringify({ schemaVersion: 2, images }) });
  expect((await failure(readLock(path), UsageError)).message).toContain('not REGISTRY/REPOSITORY@sha256');
});

test('plans and `doctor` know the images of the lock', async () => {
  await using folder = await temporaryFolder();
  await writeLock(
    join(folder.path, 'layersmith.lock'),
    new Map([
      ['debian-toolchain x86_64', LOCKED],
      ['debian-runtime x86_64', LOCKED],
    ]),
  );
  const io = fakeIo(folder.path);
  const planned = await plannedToolchain(io, undefined, {
    ...{ platform: PLATFORM, machine: 'x86_64', present: () => Promise.resolve(undefined) },
  });
  expect(planned).toMatchObject({ kind: 'debian', digest: MANIFEST, caveat: undefined });
  const found = engineWith({ inspectImage: () => Promise.resolve(IMAGE) });
  expect(await toolchainInEngine(io, { engine: found, platform: PLATFORM })).toBe('debian');
  expect(await toolchainInEngine(io, { engine: engineWith({}), platform: PLATFORM })).toBeUndefined();
});
