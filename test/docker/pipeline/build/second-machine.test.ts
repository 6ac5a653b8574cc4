import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256OfFile } from '../../../../src/core/digest.js';
import { secondMachine } from '../../../support/second-machine.js';
import { Workplace } from '../../../support/workplace.js';

/** A root file system, `npm ci`, the compiler of TypeScript, and the compiler of C. */
const MINUTES = 20;
const NAME = 'lua-5.4.7-provided.al2023-x86_64';

test(
  '`make layer` on another system, as another user, elsewhere, makes the same zip and the same bill of materials',
  async () => {
    await using here = await Workplace.make();
    expect(await here.build('lua/5.4')).toMatchObject({ exitCode: 0 });
    await using there = await secondMachine();
    const plan = 'node build/cli/main.js plan lua/5.4 --toolchain debian --json';
    const stdout = await there.run(`make layer RECIPE=lua/5.4 TOOLCHAIN=debian >&2 && ${plan}`);

    for (const file of [`${NAME}.zip`, `${NAME}.cdx.json`])
      expect(await sha256OfFile(there.file(`dist/${file}`))).toBe(await sha256OfFile(join(here.out, file)));
    const planned = await here.run([
      'plan',
      'lua/5.4',
      '--toolchain',
      'debian',
      '--json',
      '--store',
      here.store,
    ]);
    expect(stdout).toBe(planned.stdout);
    // Another run made it: that is in the provenance, beside the zip.
    const [made, madeThere] = [here.out, there.file('dist')].map((folder) =>
      readFile(join(folder, `${NAME}.provenance.json`), 'utf8'),
    );
    expect(await madeThere).not.toBe(await made);
  },
  MINUTES * 60_000,
);
