import { describe, expect, test } from 'vitest';
import { EngineUnavailableError, IntegrityError, StageError } from '../../../src/core/errors.js';
import type { ContainerEngine, ImageInfo } from '../../../src/engine/container-engine.js';
import { chooseRuntimeImage } from '../../../src/toolchain/choose-toolchain.js';
import { checkLockedRuntime } from '../../../src/toolchain/lock-file.js';
import { DIGEST_LABEL } from '../../../src/toolchain/toolchain.js';
import { failure } from '../../support/failure.js';
import { PLATFORM } from '../../support/platform.js';

type Options = Parameters<typeof chooseRuntimeImage>[0];

/** An engine with one image for each label key that is given; the label values are not looked at. */
function engineWith(keys: readonly string[], asked: string[] = []): ContainerEngine {
  const image: ImageInfo = {
    ...{ id: 'sha256:image', repoDigests: [], tags: [], sizeBytes: 0, createdAt: new Date(0) },
    labels: { [DIGEST_LABEL]: 'sha256:content' },
  };
  const known = new Map<string, string>();
  return {
    // The first question for a label is the one for the runtime image: each later value is another image's.
    listImages: ({ key, value = '' }: { key: string; value?: string }) => {
      asked.push(key);
      if (!known.has(key)) known.set(key, value);
      return Promise.resolve(keys.includes(key) && known.get(key) === value ? [image] : []);
    },
    resolveRemoteDigest: (reference: string) => {
      asked.push(`registry ${reference}`);
      return Promise.reject(new Error('lookup registry: no such host'));
    },
  } as unknown as ContainerEngine;
}

function options(engine: ContainerEngine, changes: Partial<Options> = {}): Options {
  return {
    engine,
    platform: PLATFORM,
    tmpDir: '/nowhere',
    dockerfile: new URL('../../../Dockerfile.amazonlinux', import.meta.url).pathname,
    mirrors: () => Promise.reject(new StageError('no mirror')),
    pins: [],
    fresh: false,
    proxies: {},
    forced: undefined,
    offline: false,
    registryTimeoutMs: 1000,
    namesRegistry: false,
    report: () => undefined,
    signal: new AbortController().signal,
    ...changes,
  };
}

const DEBIAN = 'io.layersmith.definition';
const AMAZON = 'io.layersmith.request';

describe('the runtime image', () => {
  test('of an earlier run is used without a registry, and without the compilers', async () => {
    const asked: string[] = [];
    const chosen = await chooseRuntimeImage(options(engineWith([DEBIAN], asked)));
    expect(chosen).toMatchObject({
      kind: 'debian',
      runtimeImage: { id: 'sha256:image', digest: 'sha256:content' },
    });
    expect(asked.filter((key) => key.startsWith('registry'))).toEqual([]);
    // Only a program that needs a shell asks for the image with the compilers, which would be made now.
    await failure(chosen.buildImage(), StageError);
  });

  test('of Amazon Linux comes first when the engine has it', async () => {
    expect(await chooseRuntimeImage(options(engineWith([DEBIAN, AMAZON])))).toMatchObject({
      kind: 'amazonlinux',
    });
    expect(
      await chooseRuntimeImage(
        options(engineWith([DEBIAN, AMAZON]), { forced: { kind: 'debian', reason: 'asked for' } }),
      ),
    ).toMatchObject({ kind: 'debian' });
  });

  test('of an earlier run does not permit pulling the image with the compilers offline', async () => {
    const chosen = await chooseRuntimeImage(options(engineWith([AMAZON]), { offline: true }));
    expect(chosen.kind).toBe('amazonlinux');
    const { message } = await failure(chosen.buildImage(), StageError);
    expect(message).toContain('--offline forbids pulling');
  });

  test('is asked for at a registry that the user names', async () => {
    const asked: string[] = [];
    await chooseRuntimeImage(options(engineWith([DEBIAN], asked), { namesRegistry: true }));
    expect(asked).toContain('registry a/c:1');
  });

  test('that is not there, offline, is an error', async () => {
    await failure(chooseRuntimeImage(options(engineWith([]), { offline: true })), StageError);
  });

  test('is not looked for in an engine that is gone', async () => {
    const engine = {
      ...engineWith([]),
      resolveRemoteDigest: () => Promise.reject(new EngineUnavailableError('gone')),
    };
    await failure(chooseRuntimeImage(options(engine)), EngineUnavailableError);
  });
});

test('--locked compares the runtime image with the lock alone', () => {
  const entry = { toolchain: 'sha256:other', runtime: 'sha256:content', packages: [], files: undefined };
  const lock = new Map([['provided.al2023 x86_64 debian', entry]]);
  const check = (digest: string, kind: 'debian' | 'amazonlinux' = 'debian'): void => {
    const chosen = { kind, runtimeImage: { id: 'sha256:image', digest } };
    checkLockedRuntime({ lock, path: 'layersmith.lock' }, { platform: PLATFORM, chosen });
  };
  check('sha256:content');
  expect(() => {
    check('sha256:changed');
  }).toThrow(IntegrityError);
  expect(() => {
    check('sha256:content', 'amazonlinux');
  }).toThrow(/no entry|differs from/);
});
