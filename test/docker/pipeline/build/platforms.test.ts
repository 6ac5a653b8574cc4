import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findManifest } from '../../../../src/layer/find-manifest.js';
import { ARCHITECTURES } from '../../../../src/platform/platform.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { Workplace } from '../../../support/workplace.js';

// Lua for every platform and architecture, by the embedded toolchain on this machine.

const run = promisify(execFile);

let workplace: Workplace;

beforeAll(async () => {
  workplace = await Workplace.make();
});

afterAll(async () => {
  await workplace[Symbol.asyncDispose]();
});

const GLIBC = { 'provided.al2023': 34, 'provided.al2': 26, provided: 17 } as const;

test.each(
  ARCHITECTURES.flatMap((arch) =>
    Object.entries(GLIBC).map(([platform, newest]) => ({ platform, arch, newest })),
  ),
)('lua/5.4 for $platform on $arch passes its smoke tests, and needs no newer glibc', async (given) => {
  const { platform, arch, newest } = given;
  const ended = await workplace.build('lua/5.4', ['--platform', platform, '--arch', arch]);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stderr).toContain('3 programs, 502 invocations');
  const zip = ended.stdout.trim();
  expect(zip).toBe(join(workplace.out, `lua-5.4.7-${platform}-${arch}.zip`));
  expect(await findManifest(zip)).toMatchObject({ platform, architecture: arch });
  await using folder = await temporaryFolder();
  await run('python3', ['-m', 'zipfile', '-e', zip, folder.path]);
  const { stdout } = await run('readelf', ['-W', '-h', '-V', '-d', join(folder.path, 'bin/lua')]);
  expect(stdout).toContain(arch === 'arm64' ? 'AArch64' : 'X86-64');
  const versions = [...stdout.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  expect(versions.length).toBeGreaterThan(0);
  expect(Math.max(...versions)).toBeLessThanOrEqual(newest);
  const needed = [...stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
  const own = newest < 34 ? ['libm.so.6', 'libdl.so.2', 'libc.so.6'] : ['libm.so.6', 'libc.so.6'];
  expect(needed.sort()).toEqual(own.sort());
});

test('a layer for arm64 has the same bytes under changed conditions', async () => {
  const ended = await workplace.run([
    ...['verify', 'lua/5.4', '--arch', 'arm64', '--toolchain', 'debian'],
    ...['--store', workplace.store],
  ]);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stdout).toMatch(/\b(same|identical)\b/);
});
