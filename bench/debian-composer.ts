import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Downloads Debian's packages of Composer and its libraries with apt, and unpacks them to `root/` in a new folder: real code with
 * about 500 classes. Rejects if apt cannot download them.
 */
export async function debianComposer(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'layersmith-composer-'));
  const known = await run('apt-cache', ['policy', 'composer']);
  if (!/Candidate: \d/.test(known.stdout)) await run('apt-get', ['update', '-qq']);
  const quiet = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
    (one) => `--no-${one}`,
  );
  const { stdout } = await run('apt-cache', ['depends', '--recurse', ...quiet, 'composer'], {
    maxBuffer: 16 * 1024 ** 2,
  });
  const needed = new Set(
    stdout.match(/^(jsonlint|php-(composer|symfony|json-schema|psr|react|seld)[\w-]*)$/gm),
  );
  await run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', 'composer', ...needed], {
    cwd: folder,
  });
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.deb')) continue;
    await run('dpkg-deb', ['-x', join(folder, file), join(folder, 'root')]);
    await rm(join(folder, file));
  }
  return folder;
}
