import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { fileEntry } from '../../../src/tree/tree-entry.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { CLI } from '../../support/cli.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

test.each([
  ['audit', (zip: string) => ['audit', zip]],
  ['diff', (zip: string) => ['diff', zip, zip]],
  ['package', (_zip: string, folder: string) => ['package', 'function', folder, '--no-precompile']],
])('what a killed `%s` left in the temporary folder is removed by the next run', async (_name, args) => {
  await using folder = await temporaryFolder();
  const zip = join(folder.path, 'layer.zip');
  const app = join(folder.path, 'app');
  const tmp = join(folder.path, 'tmp');
  await mkdir(app);
  await mkdir(tmp);
  const bytes = Buffer.alloc(150_000_000, 'layersmith');
  await writeZip(zip, [fileEntry('bin/large', bytes, 0o755)]);
  await writeFile(join(app, 'large'), bytes);
  const scratch = join(tmp, `layersmith-${process.getuid?.()}`);
  const left = (): Promise<readonly string[]> => readdir(scratch).catch(() => []);
  const command = [CLI, ...args(zip, app)];
  const options = { cwd: folder.path, env: { ...process.env, TMPDIR: tmp }, stdio: 'ignore' } as const;

  const child = spawn(process.execPath, command, options);
  await vi.waitFor(
    async () => {
      expect(await left()).toHaveLength(1);
    },
    { timeout: 30_000, interval: 5 },
  );
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  expect(await left()).toHaveLength(1);

  const again = spawn(process.execPath, [CLI, 'audit', app], options);
  await once(again, 'close');
  expect(await left()).toEqual([]);
});
