import { execFile } from 'node:child_process';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { packageRoot } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { testCache } from '../support/test-cache.js';

const BUILT = ['SHA256SUMS', 'deflate.wasm', 'relay-arm64', 'relay-x86_64'];
const SCRIPT = join('scripts', 'build-prebuilt.sh');

/** Compiling two C libraries from nothing takes a minute and a half of CPU. */
const COMPILING = 15 * 60_000;

test(
  'what is in prebuilt/ is what its script makes of native/, in another folder, time zone and umask',
  async () => {
    await using folder = await temporaryFolder();
    for (const part of ['native', SCRIPT])
      await cp(join(packageRoot, part), join(folder.path, 'else where', part), { recursive: true });
    const output = join(folder.path, 'output');
    const script = join(folder.path, 'else where', SCRIPT);
    await promisify(execFile)('sh', ['-c', 'umask 077 && exec "$0" "$1"', script, output], {
      env: { ...process.env, ZIG_TOOLS: testCache(), TZ: 'Asia/Tokyo', LC_ALL: 'C.UTF-8' },
    });
    expect((await readdir(output)).sort()).toEqual(BUILT);
    for (const name of BUILT) {
      const committed = await readFile(join(packageRoot, 'prebuilt', name));
      expect(committed.equals(await readFile(join(output, name))), name).toBe(true);
    }
  },
  COMPILING,
);
