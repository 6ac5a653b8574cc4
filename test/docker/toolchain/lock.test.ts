import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
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
  readonly images: Readonly<Record<string, { digest: string; files: string[] }>>;
}
const lockPath = (): string => join(workplace.dir, 'layersmith.lock');
const readLock = async (): Promise<Lock> => JSON.parse(await readFile(lockPath(), 'utf8')) as Lock;
const imageOf = (lock: Lock, key: string): Lock['images'][string] => {
  const image = lock.images[key];
  if (image === undefined) throw new Error(`${key} is not locked`);
  return image;
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
    /(?:^|\n)(?:locked anew|the same): provided\.al2023 x86_64 debian, 1\d\d packages\n$/,
  );
  const lock = await readLock();
  expect(Object.keys(lock.images)).toEqual(['debian-runtime x86_64', 'debian-toolchain x86_64']);
  expect(imageOf(lock, 'debian-toolchain x86_64').files).toContainEqual(
    expect.stringMatching(/^pool\/main\/g\/gcc-12\/gcc-12_12\.2\.0-[^ ]+_amd64\.deb [0-9a-f]{64}$/),
  );
  const ended = await workplace.build('tiny', ['--locked']);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stderr).not.toContain('warning');
});

test('what differs from the lock is named, and refused with --locked', async () => {
  const text = await readFile(lockPath(), 'utf8');
  const lock = JSON.parse(text) as Lock;
  const image = imageOf(lock, 'debian-runtime x86_64');
  const real = image.digest;
  image.digest = `sha256:${'0'.repeat(64)}`;
  await writeFile(lockPath(), JSON.stringify(lock));
  const refused = await workplace.build('tiny', ['--locked']);
  expect(refused.exitCode).toBe(76);
  expect(refused.stderr).toContain(`runtime: image ${image.digest} → ${real}`);
  const warned = await workplace.build('tiny');
  expect(warned.exitCode, warned.stderr).toBe(0);
  expect(warned.stderr).toContain(`${lockPath()}: runtime: image`);
  await writeFile(lockPath(), text);
});

test('a pinned package that no mirror has is named, with what the mirror has instead', async () => {
  const text = await readFile(lockPath(), 'utf8');
  const lock = JSON.parse(text) as Lock;
  const image = imageOf(lock, 'debian-runtime x86_64');
  const isLibc = (line: string): boolean => line.includes('/libc6_');
  const real = image.files.find(isLibc) ?? '';
  const gone = `pool/main/g/glibc/libc6_2.36-1_amd64.deb ${'0'.repeat(64)}`;
  image.files = image.files.map((line) => (isLibc(line) ? gone : line));
  await writeFile(lockPath(), JSON.stringify(lock));
  const ended = await workplace.build('tiny');
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stderr).toContain('libc6_2.36-1_amd64.deb could not be downloaded');
  const version = /libc6_([^_]+)_/.exec(real)?.[1] ?? '';
  expect(ended.stderr).toContain(`libc6 2.36-1 → ${version}`);
  await writeFile(lockPath(), text);
});

test('a toolchain made on a host with another name, resolver, mirror, umask and time zone is the same', async () => {
  const text = await readFile(lockPath(), 'utf8');
  await using proxy = await mirrorProxy();
  const resolver = await readFile('/etc/resolv.conf', 'utf8');
  await writeFile(join(workplace.dir, 'hostname'), 'another-host\n');
  await writeFile(join(workplace.dir, 'resolv.conf'), `# of another office\n${resolver}options timeout:3\n`);
  // An empty store, but for the compiler that does not come from a mirror of Debian.
  const store = join(workplace.dir, 'other-store');
  await keepLargest(join(workplace.store, 'sources'), join(store, 'sources'));
  const script = `set -e
hostname another-host
mount --bind hostname /etc/hostname
mount --bind resolv.conf /etc/resolv.conf
umask 077
exec node '${CLI}' lock --check --toolchain debian --store '${store}'`;
  const ended = await promisify(execFile)('unshare', ['--mount', '--uts', 'sh', '-c', script], {
    cwd: workplace.dir,
    env: {
      ...process.env,
      HOME: workplace.home,
      TZ: 'Pacific/Auckland',
      LC_ALL: 'tr_TR.UTF-8',
      LAYERSMITH_DEBIAN_MIRROR: proxy.mirror,
    },
  });
  expect(ended.stdout).toMatch(/^the same: provided\.al2023 x86_64 debian, 1\d\d packages\n$/);
  expect(proxy.requests()).toBeGreaterThan(100);
  expect(await readFile(lockPath(), 'utf8')).toBe(text);
});

/** Copies the largest file of a folder into another. */
async function keepLargest(from: string, to: string): Promise<void> {
  const files = await Promise.all(
    (await readdir(from)).map(async (name) => ({ name, bytes: (await stat(join(from, name))).size })),
  );
  const [largest] = files.sort((a, b) => b.bytes - a.bytes);
  await mkdir(to, { recursive: true });
  await copyFile(join(from, largest?.name ?? ''), join(to, largest?.name ?? ''));
}
