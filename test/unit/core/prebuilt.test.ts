import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { IntegrityError } from '../../../src/core/errors.js';
import { readPrebuilt } from '../../../src/core/prebuilt.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const BYTES = Buffer.from('program');
const SUM = createHash('sha256').update(BYTES).digest('hex');

describe('a prebuilt program', () => {
  test('is read when its digest is the recorded one', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ program: BYTES, SHA256SUMS: `${'0'.repeat(64)}  other\n${SUM}  program\n` });
    expect((await readPrebuilt('program', folder.path)).equals(BYTES)).toBe(true);
  });

  test('that was changed is refused with both digests', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ program: 'programs', SHA256SUMS: `${SUM}  program\n` });
    const error = await failure(readPrebuilt('program', folder.path), IntegrityError);
    expect(error.details).toMatchObject({
      expected: SUM,
      actual: createHash('sha256').update('programs').digest('hex'),
    });
    expect(error.hint).toContain('install');
  });

  test('without a recorded digest is refused', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ program: BYTES, SHA256SUMS: `${SUM}  my-program\n` });
    const error = await failure(readPrebuilt('program', folder.path), IntegrityError);
    expect(error.details['expected']).toBe('no entry');
  });

  test('that is missing is named', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ SHA256SUMS: `${SUM}  program\n` });
    const error = await failure(readPrebuilt('program', folder.path), IntegrityError);
    expect(error.message).toContain(`${folder.path}/program`);
    expect(error.cause).toMatchObject({ code: 'ENOENT' });
  });
});
