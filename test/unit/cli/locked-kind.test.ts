import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockedKind } from '../../../src/cli/session.js';
import { fakeIo, PACKAGE_ROOT } from '../../support/fake-io.js';
import { PLATFORM } from '../../support/platform.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test("a project's own lock decides the kind of toolchain, for the platforms that it names", async () => {
  await using folder = await temporaryFolder();
  const io = fakeIo(folder.path);
  expect(await lockedKind(io, PLATFORM)).toBeUndefined();
  await folder.write({
    'layersmith.lock': await readFile(join(PACKAGE_ROOT, 'layersmith.lock'), 'utf8'),
  });
  expect(await lockedKind(io, PLATFORM)).toBe('debian');
  expect(await lockedKind(io, { ...PLATFORM, architecture: 'arm64' })).toBeUndefined();
});

test('the lock that comes with layersmith decides nothing in its own checkout', async () => {
  expect(await lockedKind(fakeIo(PACKAGE_ROOT, { cwd: PACKAGE_ROOT }), PLATFORM)).toBeUndefined();
});
