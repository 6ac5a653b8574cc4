import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockedKind, openLock } from '../../../src/cli/toolchain-session.js';
import { fakeIo, PACKAGE_ROOT } from '../../support/fake-io.js';
import { PLATFORM } from '../../support/platform.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const ON = { platform: PLATFORM, machine: 'x86_64' } as const;

test("a project's own lock decides the kind of toolchain, for the images that it has", async () => {
  await using folder = await temporaryFolder();
  const io = fakeIo(folder.path);
  expect(lockedKind((await openLock(io)).own, ON)).toBeUndefined();
  await folder.write({
    'layersmith.lock': await readFile(join(PACKAGE_ROOT, 'layersmith.lock'), 'utf8'),
  });
  expect(lockedKind((await openLock(io)).own, ON)).toBe('debian');
  expect(
    lockedKind((await openLock(io)).own, { ...ON, platform: { ...PLATFORM, architecture: 'arm64' } }),
  ).toBe('debian');
  expect(lockedKind((await openLock(io)).own, { ...ON, machine: 'arm64' })).toBe('debian');
});

test('the lock that comes with layersmith decides nothing in its own checkout', async () => {
  expect(lockedKind((await openLock(fakeIo(PACKAGE_ROOT, { cwd: PACKAGE_ROOT }))).own, ON)).toBeUndefined();
});
