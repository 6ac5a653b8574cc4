import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { COMMANDS } from '../../../src/cli/commands.js';
import { run } from '../../../src/cli/run.js';
import { fakeIo, PACKAGE_ROOT } from '../../support/fake-io.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const workflow = z.looseObject({
  on: z.looseObject({ schedule: z.array(z.strictObject({ cron: z.string().regex(/^(\S+ ){4}\S+$/) })) }),
  permissions: z.record(z.string(), z.enum(['read', 'write'])),
  jobs: z.record(
    z.string(),
    z.looseObject({
      'runs-on': z.string(),
      steps: z.array(
        z.union([
          z.looseObject({ uses: z.string().regex(/^[\w-]+\/[\w-]+@v\d+$/) }),
          z.looseObject({ run: z.string() }),
        ]),
      ),
    }),
  ),
});

test('the workflow for newer releases in the docs is one, and calls commands that exist, with flags that they have', async () => {
  const docs = await readFile(join(PACKAGE_ROOT, 'docs/ci.md'), 'utf8');
  const section = docs.slice(docs.indexOf('## Newer releases as pull requests'));
  const { jobs } = workflow.parse(parse(/```yaml\n([\s\S]*?)```/.exec(section)?.[1] ?? ''));
  const scripts = Object.values(jobs).flatMap(({ steps }) =>
    steps.flatMap((step) => ('run' in step ? [String(step.run)] : [])),
  );
  const calls = scripts
    .join('\n')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((line) => /npx layersmith (.*)$/.exec(line)?.[1] ?? []);
  expect(calls.map((call) => call.split(' ')[0])).toEqual(['outdated', 'bump']);
  await using folder = await temporaryFolder();
  for (const call of calls) {
    const name = call.split(' ')[0] ?? '';
    expect(COMMANDS.map((entry) => entry.name)).toContain(name);
    const io = fakeIo(folder.path);
    await run([name, '--help'], io);
    for (const [flag] of call.matchAll(/--[a-z-]+/g)) expect(io.stdout(), call).toContain(` ${flag} `);
  }
});
