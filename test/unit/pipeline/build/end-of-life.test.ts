import { expect, test } from 'vitest';
import { warnAboutEndOfLife } from '../../../../src/pipeline/build/end-of-life.js';
import type { Platform } from '../../../../src/platform/platform.js';
import { lineYaml, planIn, recipeFolder } from '../../../support/recipe-files.js';

/** The warnings for app/1, which needs lib/1, on a day. */
async function warnings(today: string): Promise<readonly string[]> {
  await using folder = await recipeFolder(
    { 'app/1': ['lib'], 'lib/1': [] },
    {
      'app/1.yaml': `endOfLife: 2026-12-31\n${lineYaml('1.5', ['lib'])}`,
      'lib/1.yaml': `endOfLife: 2016-12-31\n${lineYaml('1.0.1u')}`,
    },
  );
  const lines: string[] = [];
  const plan = await planIn(folder.path, 'app/1');
  const platform: Platform = {
    name: 'provided.old',
    architecture: 'x86_64',
    glibc: '2.26',
    endOfLife: '2026-09-30',
    toolchain: { base: 'registry/base', release: '1' },
    runtime: 'registry/runtime',
  };
  warnAboutEndOfLife(
    { plan, platform },
    { reporter: { warn: (line) => lines.push(line) }, now: () => Date.parse(`${today}T12:00:00Z`) },
  );
  return lines;
}

test('a version past its end of life is warned about, with the date', async () => {
  expect(await warnings('2026-06-01')).toEqual([
    expect.stringMatching(/^lib\/1 \(1\.0\.1u\) .*end of life.* 2016-12-31$/),
  ]);
});

test('the platform and every stage of the plan are checked', async () => {
  expect(await warnings('2027-01-01')).toEqual([
    expect.stringMatching(/^provided\.old .*end of life.* 2026-09-30$/),
    expect.stringMatching(/^lib\/1 \(1\.0\.1u\) .*end of life.* 2016-12-31$/),
    expect.stringMatching(/^app\/1 \(1\.5\) .*end of life.* 2026-12-31$/),
  ]);
});

test('the last day of support is still supported', async () => {
  expect(await warnings('2016-12-31')).toEqual([]);
});
