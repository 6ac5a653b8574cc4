import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plannedToolchain } from '../../../src/cli/planned-toolchain.js';
import { readLock } from '../../../src/toolchain/lock-file.js';
import type { ToolchainKind } from '../../../src/toolchain/toolchain.js';
import { fakeIo, PACKAGE_ROOT } from '../../support/fake-io.js';
import { PLATFORM } from '../../support/platform.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const LOCK = join(PACKAGE_ROOT, 'layersmith.lock');

interface Machine {
  readonly asked?: ToolchainKind;
  /** Whether the project has a lock of its own, with the embedded toolchain. */
  readonly hasLock?: boolean;
  readonly inEngine?: ToolchainKind;
}

async function planned({ asked, hasLock = false, inEngine }: Machine): ReturnType<typeof plannedToolchain> {
  await using folder = await temporaryFolder();
  if (hasLock) await folder.write({ 'layersmith.lock': await readFile(LOCK, 'utf8') });
  return await plannedToolchain(fakeIo(folder.path), asked, {
    platform: PLATFORM,
    machine: 'x86_64',
    present: () =>
      Promise.resolve(
        inEngine && {
          kind: inEngine,
          buildImage: { id: 'sha256:image', digest: 'sha256:in the engine' },
          runtimeImage: { id: 'sha256:other', digest: 'sha256:runtime' },
        },
      ),
  });
}

async function lockedDigest(role = 'toolchain'): Promise<string | undefined> {
  return (await readLock(LOCK)).get(`debian-${role} x86_64`)?.digest;
}

test.each<[string, Machine, string]>([
  ['--toolchain', { asked: 'debian' }, 'set by --toolchain debian'],
  ["the project's lock", { hasLock: true }, 'locked in layersmith.lock'],
])('%s decides: the plan is the same whatever the engine has', async (_what, machine, reason) => {
  const [digest, runtimeDigest] = [await lockedDigest(), await lockedDigest('runtime')];
  for (const inEngine of ['amazonlinux', 'debian', undefined] as const) {
    const found = await planned(inEngine === undefined ? machine : { ...machine, inEngine });
    expect(found).toEqual({ kind: 'debian', digest, runtimeDigest, reason, caveat: undefined });
  }
});

test('without either, the engine decides, and the plan says that other machines may plan otherwise', async () => {
  expect(await planned({ inEngine: 'amazonlinux' })).toEqual({
    kind: 'amazonlinux',
    digest: 'sha256:in the engine',
    runtimeDigest: 'sha256:runtime',
    reason: 'its images are in the engine',
    caveat: expect.stringContaining('another machine may choose another toolchain') as string,
  });
  for (const machine of [{}, { inEngine: 'debian' }] as const)
    expect(await planned(machine)).toEqual({
      kind: 'debian',
      digest: await lockedDigest(),
      runtimeDigest: await lockedDigest('runtime'),
      reason: 'no Amazon Linux images are in the engine',
      caveat: expect.stringContaining('where the registry of Amazon Linux answers') as string,
    });
});

test('a toolchain that no lock has is that of the engine, and the plan says that it is not pinned', async () => {
  expect(await planned({ asked: 'amazonlinux', inEngine: 'amazonlinux' })).toEqual({
    kind: 'amazonlinux',
    digest: 'sha256:in the engine',
    runtimeDigest: 'sha256:runtime',
    reason: 'set by --toolchain amazonlinux',
    caveat: expect.stringContaining('another image') as string,
  });
  expect(await planned({ asked: 'amazonlinux' })).toBeUndefined();
});
