import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withTable } from '../../conformance/differences-table.js';
import { KNOWN_DIFFERENCES } from '../../conformance/known-differences.js';
import { packageRoot } from '../../support/cli.js';

it('has the table of known differences in docs/emulator.md, as the conformance suite has it', async () => {
  const page = await readFile(join(packageRoot, 'docs', 'emulator.md'), 'utf8');
  expect(page).toBe(await withTable(page, KNOWN_DIFFERENCES));
});
