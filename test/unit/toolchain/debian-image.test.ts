import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/core/digest.js';
import { SourceError, StageError, StorageError } from '../../../src/core/errors.js';
import type { ContainerEngine, ImageInfo } from '../../../src/engine/container-engine.js';
import { debianImage, type DebianOptions, type DebianRequest } from '../../../src/toolchain/debian.js';
import { debName, type DebianPackage } from '../../../src/toolchain/debian-package.js';
import { DEFINITION_LABEL, DIGEST_LABEL } from '../../../src/toolchain/toolchain.js';
import { debOf } from '../../support/deb.js';
import { failure } from '../../support/failure.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { smallDisk } from '../../support/small-disk.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const pinned = (name: string, version: string): DebianPackage => ({
  path: `pool/main/${name.slice(0, 1)}/${name}/${name}_${version}_arm64.deb`,
  sha256: sha256(`${name} ${version}`),
});

const LIBC = pinned('libc6', '2.36-9');
const NEWER = pinned('libc6', '2.36-10');

interface Made {
  readonly labels: Readonly<Record<string, string>>;
  readonly platform: string | undefined;
}

/** An engine that keeps the labels of the images that it imports. */
function engineOf(made: Made[]): ContainerEngine {
  const imageOf = (labels: Readonly<Record<string, string>>): ImageInfo => ({
    ...{ id: 'sha256:image', repoDigests: [], tags: [], sizeBytes: 0, createdAt: new Date(0) },
    labels,
  });
  const engine: Pick<ContainerEngine, 'listImages' | 'importImage'> = {
    listImages: ({ key, value }) =>
      Promise.resolve(
        made.filter(({ labels }) => labels[key] === value).map(({ labels }) => imageOf(labels)),
      ),
    importImage: async (rootfs, { labels, platform }) => {
      for await (const _chunk of rootfs);
      made.push({ labels, platform });
      return imageOf(labels);
    },
  };
  return engine as ContainerEngine;
}

interface Mirror {
  /** The packages that it has. */
  readonly has: readonly DebianPackage[];
  readonly today?: readonly DebianPackage[];
  readonly pins?: readonly DebianPackage[];
  readonly offline?: boolean;
  readonly fresh?: boolean;
  readonly tmpDir?: string;
}

/** Makes the runtime image for arm64. */
async function make(
  { has, today = has, pins = [], offline = false, fresh = false, tmpDir }: Mirror,
  made: Made[] = [],
) {
  await using folder = await temporaryFolder();
  const asked: DebianRequest[] = [];
  const fetched: string[] = [];
  const reports: string[] = [];
  const options: DebianOptions = {
    engine: engineOf(made),
    packageRoot: PACKAGE_ROOT,
    tmpDir: tmpDir ?? folder.path,
    pins: () => pins,
    resolve: (request) => {
      asked.push(request);
      return Promise.resolve(today);
    },
    fetchPackage: async (file) => {
      const name = debName(file);
      fetched.push(name);
      if (!has.includes(file)) throw new SourceError(`${name} could not be downloaded`);
      const path = join(folder.path, name);
      await writeFile(
        path,
        await debOf(`Package: ${name}`, [{ name: `./etc/${name}`, content: 'x'.repeat(100_000) }]),
      );
      return path;
    },
    fetchUrl: () => Promise.reject(new Error('the runtime image needs no file of an URL')),
    report: (line) => reports.push(line),
    offline,
    fresh,
    labels: {},
    signal: new AbortController().signal,
  };
  const image = await debianImage({ role: 'runtime', architecture: 'arm64' }, options);
  return { image, asked, fetched, reports, left: await readdir(options.tmpDir) };
}

describe('the image of the embedded toolchain', () => {
  test('is made of the pinned packages, without asking what the mirror has today', async () => {
    const made: Made[] = [];
    const { image, asked, fetched } = await make({ has: [LIBC], today: [NEWER], pins: [LIBC] }, made);
    expect(asked).toEqual([]);
    expect(fetched).toEqual(['libc6_2.36-9_arm64.deb']);
    expect(image.madeOf).toEqual([LIBC]);
    expect(made).toHaveLength(1);
    expect(made[0]?.platform).toBe('linux/arm64');
    expect(made[0]?.labels[DIGEST_LABEL]).toBe(image.digest);
    // A second run finds it.
    const again = await make({ has: [], pins: [LIBC], offline: true }, made);
    expect(again.image).toEqual({ id: 'sha256:image', digest: image.digest });
    expect(again.fetched).toEqual([]);
  });

  test('is made of other packages if a pinned one is gone, which it says', async () => {
    const { image, reports } = await make({ has: [NEWER], pins: [LIBC] });
    expect(image.madeOf).toEqual([NEWER]);
    const report = reports.find((line) => line.includes('gone')) ?? '';
    expect(report).toContain('libc6_2.36-9_arm64.deb');
    expect(report).toContain('libc6 2.36-9 → 2.36-10');
  });

  test('without a lock has what the mirror has today, but for what it does not need', async () => {
    const extra = pinned('mawk', '1.3');
    const { image, asked } = await make({ has: [LIBC, extra] });
    expect(asked).toMatchObject([{ suite: 'bookworm', architecture: 'arm64' }]);
    expect(asked[0]?.packages).toContain('libc6');
    expect(image.madeOf).toEqual([LIBC]);
  });

  test('for `lock` is made anew, and builds do not find it', async () => {
    const made: Made[] = [];
    await make({ has: [LIBC], pins: [LIBC] }, made);
    const { image } = await make({ has: [LIBC, NEWER], today: [NEWER], pins: [LIBC], fresh: true }, made);
    expect(image.madeOf).toEqual([NEWER]);
    expect(made.map(({ labels }) => labels[DEFINITION_LABEL] === undefined)).toEqual([false, true]);
  });

  test('is the same whatever order the packages are listed in', async () => {
    const other = pinned('libgcc-s1', '12');
    const one = await make({ has: [LIBC, other], pins: [LIBC, other] });
    const two = await make({ has: [LIBC, other], pins: [other, LIBC] });
    expect(two.image.digest).toBe(one.image.digest);
  });

  test('leaves nothing behind', async () => {
    expect((await make({ has: [LIBC], pins: [LIBC] })).left).toEqual(['libc6_2.36-9_arm64.deb']);
  });
});

test('offline, a package that is not there is an error, and so is a lock without packages', async () => {
  for (const mirror of [{ has: [], pins: [LIBC] }, { has: [LIBC] }]) {
    const error = await failure(make({ ...mirror, offline: true }), StageError);
    expect(error.message).toContain('debian-runtime image for arm64');
    expect(error.message).toContain('--offline');
  }
});

test('a full disk is a storage error', { tags: ['system'] }, async () => {
  await using disk = await smallDisk(64);
  const error = await failure(make({ has: [LIBC], pins: [LIBC], tmpDir: disk.path }), StorageError);
  expect(error.message).toContain(disk.path);
  expect(error.hint).toContain('layersmith clean --older-than');
  expect(await readdir(disk.path)).toEqual([]);
});
