import { describe, expect, test } from 'vitest';
import { EngineUnavailableError, StageError } from '../../../src/core/errors.js';
import type { ContainerEngine, ImageInfo } from '../../../src/engine/container-engine.js';
import { chooseRuntimeImage } from '../../../src/toolchain/choose-toolchain.js';
import { DIGEST_LABEL } from '../../../src/toolchain/toolchain.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
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
    machine: 'x86_64',
    packageRoot: PACKAGE_ROOT,
    tmpDir: '/nowhere',
    dockerfile: new URL('../../../Dockerfile.amazonlinux', import.meta.url).pathname,
    resolve: () => Promise.reject(new StageError('no mirror')),
    fetchPackage: () => Promise.reject(new StageError('no mirror')),
    fetchUrl: () => Promise.reject(new StageError('no network')),
    labels: {},
    pins: () => [],
    published: () => undefined,
    fresh: false,
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
