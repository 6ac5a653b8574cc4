import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { packageRoot } from '../../support/cli.js';

const manifest = z.object({ allowScripts: z.record(z.string(), z.boolean()) });
const lock = z.object({
  packages: z.record(z.string(), z.object({ hasInstallScript: z.boolean().optional() })),
});

test('npm says nothing of install scripts: each package that has one is denied in package.json', async () => {
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(packageRoot, name), 'utf8'));
  const { allowScripts } = manifest.parse(await read('package.json'));
  const { packages } = lock.parse(await read('package-lock.json'));
  const names = Object.entries(packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
  expect(allowScripts).toEqual(Object.fromEntries(names.map((name) => [name, false])));
});
