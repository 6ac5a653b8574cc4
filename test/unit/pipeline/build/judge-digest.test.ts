import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { judgeDigest } from '../../../../src/pipeline/build/judge-digest.js';
import { PACKAGE_ROOT } from '../../../support/fake-io.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

test('the digest of the judging code needs no more of the package than npm packs', async () => {
  await using folder = await temporaryFolder();
  await cp(join(PACKAGE_ROOT, 'package.json'), join(folder.path, 'package.json'));
  expect(await judgeDigest(folder.path)).toMatch(/^[0-9a-f]{64}$/);
});
