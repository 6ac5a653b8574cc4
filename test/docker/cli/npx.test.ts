import { execFile } from 'node:child_process';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { packageRoot } from '../../support/cli.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// Beside the tests on an engine since it compiles the project twice.

const execute = promisify(execFile);

test('npx runs the command line, and still does after a rebuild', async () => {
  await using checkout = await temporaryFolder();
  await using home = await temporaryFolder();
  for (const name of [
    'src',
    'Makefile',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ])
    await cp(join(packageRoot, name), join(checkout.path, name), {
      recursive: true,
      preserveTimestamps: true,
    });
  await symlink(join(packageRoot, 'node_modules'), join(checkout.path, 'node_modules'));
  const options = {
    cwd: checkout.path,
    env: { ...process.env, HOME: home.path, npm_config_cache: join(home.path, 'npm') },
  };
  const version = async (): Promise<string> =>
    (await execute('npx', ['--no-install', 'layersmith', '--version'], options)).stdout;

  await execute('npm', ['run', '-s', 'build'], options);
  expect(await version()).toBe('0.1.0\n');
  const main = join(checkout.path, 'src/cli/main.ts');
  await writeFile(main, await readFile(main, 'utf8'));
  await execute('make', ['-s', 'build/cli/main.js'], options);
  expect(await version()).toBe('0.1.0\n');
});
