import { expect, test } from 'vitest';
import { toolchainInEngine } from '../../../src/cli/toolchain-session.js';
import type { ContainerEngine, ImageInfo } from '../../../src/engine/container-engine.js';
import type { Platform } from '../../../src/platform/platform.js';
import { DEFINITION_LABEL, DIGEST_LABEL, IMAGE_LABEL } from '../../../src/toolchain/toolchain.js';
import { fakeIo } from '../../support/fake-io.js';
import { PLATFORM } from '../../support/platform.js';

type Labels = Readonly<Record<string, string>>;

/** An engine with images of these labels, which notes the values of the labels that it is asked for. */
function engineWith(images: readonly Labels[], asked: (readonly [string, string])[] = []): ContainerEngine {
  return {
    info: () => Promise.resolve({ architecture: 'x86_64' }),
    listImages: ({ key, value }: { key: string; value?: string }): Promise<readonly ImageInfo[]> => {
      asked.push([key, value ?? '']);
      return Promise.resolve(
        images
          .filter((labels) => (value === undefined ? labels[key] !== undefined : labels[key] === value))
          .map((labels) => ({
            ...{ id: 'sha256:image', repoDigests: [], tags: [], sizeBytes: 0, createdAt: new Date(0) },
            labels: { [DIGEST_LABEL]: 'sha256:content', ...labels },
          })),
      );
    },
  } as unknown as ContainerEngine;
}

/** The labels of all images that a build for the platform looks for, under one key. */
async function wantedBy(platform: Platform): Promise<readonly Labels[]> {
  const io = fakeIo('/nowhere');
  const found: Labels[] = [];
  for (;;) {
    const asked: (readonly [string, string])[] = [];
    await toolchainInEngine(io, { engine: engineWith(found, asked), platform });
    const next = asked.filter(
      ([key, value]) => key === DEFINITION_LABEL && !found.some((labels) => labels[key] === value),
    );
    if (next.length === 0) return found;
    found.push(...next.map(([key, value]) => ({ [key]: value })));
  }
}

const find = (images: readonly Labels[], platform = PLATFORM): ReturnType<typeof toolchainInEngine> =>
  toolchainInEngine(fakeIo('/nowhere'), { engine: engineWith(images), platform });

test('the images that a build for the platform uses count as a toolchain', async () => {
  const images = await wantedBy(PLATFORM);
  expect(images).toHaveLength(2);
  expect(await find(images)).toBe('debian');
});

test('other images with compilers do not', async () => {
  const [runtime = {}] = await wantedBy(PLATFORM);
  expect(await find([])).toBeUndefined();
  expect(await find([{ [IMAGE_LABEL]: 'debian-toolchain' }])).toBeUndefined();
  expect(
    await find([{ [IMAGE_LABEL]: 'amazonlinux-toolchain', 'io.layersmith.request': 'x' }]),
  ).toBeUndefined();
  expect(await find([runtime])).toBeUndefined();
  expect(await find(await wantedBy({ ...PLATFORM, architecture: 'arm64' }))).toBeUndefined();
  // The image has no compilers for this glibc.
  expect(await find(await wantedBy(PLATFORM), { ...PLATFORM, glibc: '2.28' })).toBeUndefined();
});
