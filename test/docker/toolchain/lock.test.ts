import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLI } from '../../support/cli.js';
import { mirrorProxy } from '../../support/mirror-proxy.js';
import { tinyInterpreter } from '../../support/tiny-recipe.js';
import { Workplace } from '../../support/workplace.js';

// A project with a lock file of its own, written from what the mirror has today.

let workplace: Workplace;

interface Lock {
  readonly toolchains: Readonly<
    Record<
      string,
      {
        runtime: string;
        packages: Record<string, string>;
        files: { runtime: Record<string, string> };
      }
    >
  >;
}
const KEY = 'provided.al2023 x86_64 debian';
const lockPath = (): string => join(workplace.dir, 'layersmith.lock');
const readLock = async (): Promise<Lock> => JSON.parse(await readFile(lockPath(), 'utf8')) as Lock;
const entryOf = (lock: Lock): Lock['toolchains'][string] => {
  const entry = lock.toolchains[KEY];
  if (entry === undefined) throw new Error(`${KEY} is not locked`);
  return entry;
};

beforeAll(async () => {
  workplace = await Workplace.make(tinyInterpreter('tiny'));
});

afterAll(async () => {
  await workplace[Symbol.asyncDispose]();
});

test('`lock` pins the toolchain of today in the project, and a build then follows it', async () => {
  const locked = await workplace.run(['lock', '--toolchain', 'debian', '--store', workplace.store]);
  expect(locked).toMatchObject({ exitCode: 0 });
  expect(locked.stdout).toMatch(
    /^(?:locked anew|the same): provided\.al2023 x86_64 debian, 1\d\d packages$/m,
  );
  const { packages } = entryOf(await readLock());
  expect(packages['gcc-10']).toMatch(/^10\.2\.1-/);
  expect(packages['libc6']).toMatch(/^2\.31-/);
  // Pinned to what the mirror has, the images have the same content as without pins.
  const ended = await workplace.build('tiny', ['--locked']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stderr).not.toContain('warning');
});

test('what differs from the lock is named down to the file, and refused with --locked', async () => {
  const text = await readFile(lockPath(), 'utf8');
  const lock = JSON.parse(text) as Lock;
  const entry = entryOf(lock);
  const real = entry.runtime;
  entry.runtime = `sha256:${'0'.repeat(64)}`;
  entry.files.runtime['etc/fstab'] = '0'.repeat(16);
  await writeFile(lockPath(), JSON.stringify(lock));
  const refused = await workplace.build('tiny', ['--locked']);
  expect(refused.exitCode).toBe(76);
  expect(refused.stderr).toContain('runtime image: etc/fstab differs');
  expect(refused.stderr).toContain(`runtime image ${entry.runtime} → ${real}`);
  const warned = await workplace.build('tiny');
  expect(warned.exitCode, warned.stderr).toBe(0);
  expect(warned.stderr).toContain(`${lockPath()}: runtime image: etc/fstab differs;`);
  await writeFile(lockPath(), text);
});

test('a toolchain made on a host with another name, resolver, mirror, umask and time zone is the same', async () => {
  const lock = await readLock();
  entryOf(lock).packages['gcc-10'] = '10.2.1-1';
  const text = JSON.stringify(lock);
  await writeFile(lockPath(), text);
  await using proxy = await mirrorProxy();
  const resolver = await readFile('/etc/resolv.conf', 'utf8');
  await writeFile(join(workplace.dir, 'hostname'), 'another-host\n');
  await writeFile(join(workplace.dir, 'resolv.conf'), `# of another office\n${resolver}options timeout:3\n`);
  const script = `set -e
hostname another-host
mount --bind hostname /etc/hostname
mount --bind resolv.conf /etc/resolv.conf
umask 077
exec node '${CLI}' lock --check --toolchain debian --store '${workplace.store}'`;
  const ended = await promisify(execFile)('unshare', ['--mount', '--uts', 'sh', '-c', script], {
    cwd: workplace.dir,
    env: {
      ...process.env,
      HOME: workplace.home,
      TZ: 'Pacific/Auckland',
      LC_ALL: 'tr_TR.UTF-8',
      LAYERSMITH_DEBIAN_MIRROR: proxy.mirror,
    },
  }).then(
    () => undefined,
    (error: unknown) => error as { readonly code: number; readonly stdout: string; readonly stderr: string },
  );
  // The version that was changed by hand is the only difference: both images have the locked digests.
  expect(ended?.stderr).not.toContain('layersmith:');
  expect(ended?.stdout).toMatch(/^gcc-10 10\.2\.1-1 → 10\.2\.1-\d+\nnot the same: [^\n]+\n$/);
  expect(ended?.code).toBe(76);
  expect(proxy.requests()).toBeGreaterThan(100);
  expect(await readFile(lockPath(), 'utf8')).toBe(text);
});
