import { chmod, readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LayersmithError, StageError, StorageError } from '../../../src/core/errors.js';
import { processIdentity } from '../../../src/core/process-identity.js';
import { openDockerEngine } from '../../../src/engine/docker-engine.js';
import { debianImage } from '../../../src/toolchain/debian.js';
import type { Package } from '../../../src/toolchain/image-packages.js';
import { failure } from '../../support/failure.js';
import { answer, END, ScriptedEngine } from '../../support/scripted-engine.js';
import { smallDisk } from '../../support/small-disk.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { PLATFORM } from '../../support/platform.js';

const PATH = '/usr/local/bin:/usr/bin:/bin';

interface Host {
  /** The body of `mmdebstrap`, in shell, unless it is asked for its version; $LOG is a file of the test's. */
  readonly mmdebstrap: string;
  readonly tmpDir: string;
  /** `apt-get`, on a host where mmdebstrap is not installed. */
  readonly aptGet?: string;
  readonly pins?: readonly Package[];
}

/** Bootstraps on a host with programs of the test's, which are found as the environment is passed on to them. */
async function bootstrap({
  mmdebstrap,
  aptGet,
  tmpDir,
  pins = [],
}: Host): Promise<{ error: LayersmithError; log: string }> {
  await using scripted = await ScriptedEngine.start();
  scripted.on('GET /images/json', answer(200, '[]'), END);
  await using bin = await temporaryFolder();
  const log = join(bin.path, 'log');
  const script = (body: string): string => `#!/bin/sh\nLOG=${log}\n${body}\n`;
  const version = aptGet === undefined ? 'exit 0' : 'exit 1';
  await bin.write({
    mmdebstrap: script(`if [ "$1" = --version ]; then ${version}; fi\n${mmdebstrap}`),
    'apt-get': script(aptGet ?? 'exit 1'),
    log: '',
  });
  for (const program of ['mmdebstrap', 'apt-get']) await chmod(join(bin.path, program), 0o755);
  const making = debianImage('debian-runtime', {
    engine: await openDockerEngine(scripted.address),
    platform: PLATFORM,
    tmpDir,
    mirrors: () =>
      Promise.resolve({ main: 'http://mirror.invalid/debian', security: undefined, keyring: '/key.gpg' }),
    report: () => undefined,
    offline: false,
    pins,
    fresh: false,
    proxies: { http_proxy: 'http://proxy.invalid:3128', PATH: `${bin.path}:${PATH}` },
    signal: new AbortController().signal,
  });
  const error = await failure(making, LayersmithError);
  return { error, log: (await readFile(log, 'utf8')).trim() };
}

describe('mmdebstrap', () => {
  test('gets the pinned versions as preferences of apt', async () => {
    await using tmp = await temporaryFolder();
    const pins = [
      { name: 'gcc-10', version: '10.2.1-6' },
      { name: 'libc6', version: '2.31-13+deb11u13' },
    ];
    const mmdebstrap =
      'for each in "$@"; do case $each in --setup-hook=*) mkdir -p "$TMPDIR/root"; sh -c "${each#*=}" sh "$TMPDIR/root"; cat "$TMPDIR/root/etc/apt/preferences.d/layersmith" >>$LOG;; esac; done; exit 1';
    const { log } = await bootstrap({ mmdebstrap, tmpDir: tmp.path, pins });
    expect(log).toBe(
      'Package: gcc-10\nPin: version 10.2.1-6\nPin-Priority: 1001\n\n' +
        'Package: libc6\nPin: version 2.31-13+deb11u13\nPin-Priority: 1001',
    );
  });

  test('writes only into a folder that a later run can sweep, which is gone at the end', async () => {
    await using tmp = await temporaryFolder();
    const { log } = await bootstrap({
      tmpDir: tmp.path,
      mmdebstrap: 'stat -c "%n %a" "$TMPDIR" >"$LOG"; echo "$6" >>"$LOG"; exit 1',
    });
    const [folder = '', mode, rootfs = ''] = log.split(/\s/);
    expect(dirname(folder)).toBe(tmp.path);
    expect(basename(folder).startsWith(`${processIdentity()}-`)).toBe(true);
    expect(mode).toBe('755');
    expect(dirname(rootfs)).toBe(folder);
    expect(await readdir(tmp.path)).toEqual([]);
  });

  test('reaches the mirror through the proxy', async () => {
    await using tmp = await temporaryFolder();
    const mmdebstrap = 'echo "mmdebstrap $http_proxy" >>"$LOG"; exit 1';
    const { log } = await bootstrap({ tmpDir: tmp.path, mmdebstrap });
    expect(log).toBe('mmdebstrap http://proxy.invalid:3128');
  });

  test('that is not installed is a stage error that says what installs it; nothing is installed', async () => {
    await using tmp = await temporaryFolder();
    const { error, log } = await bootstrap({
      tmpDir: tmp.path,
      mmdebstrap: 'exit 1',
      aptGet: 'echo "apt-get $1" >>"$LOG"',
    });
    expect(error).toBeInstanceOf(StageError);
    expect(error.hint).toContain('layersmith doctor --fix');
    expect(log).toBe('');
  });

  test('that fails is a stage error whose hint tells how to choose a mirror', async () => {
    await using tmp = await temporaryFolder();
    const { error } = await bootstrap({ tmpDir: tmp.path, mmdebstrap: 'echo E: no bullseye >&2; exit 25' });
    expect(error).toBeInstanceOf(StageError);
    expect(error.message).toBe('mmdebstrap failed to bootstrap Debian 11 (status 25)');
    expect(error.details).toEqual({ 'last lines': ['E: no bullseye'] });
    expect(error.hint).toContain('LAYERSMITH_DEBIAN_MIRROR');
  });

  test('that quotes a URL with a password does not show the password', async () => {
    await using tmp = await temporaryFolder();
    const mmdebstrap =
      "echo 'E: Failed to fetch https://user:p@ss@mirror.invalid/debian/x via http://token@proxy.invalid:3128 for a@b' >&2; exit 25";
    const { error } = await bootstrap({ tmpDir: tmp.path, mmdebstrap });
    expect(error.details).toEqual({
      'last lines': [
        'E: Failed to fetch https://mirror.invalid/debian/x via http://proxy.invalid:3128 for a@b',
      ],
    });
  });

  test.each([
    ['and leaves it full', 'head -c 70M /dev/zero >"$TMPDIR/x"; exit 25'],
    ['and tidies up', 'head -c 70M /dev/zero >"$TMPDIR/x"; sleep 1; rm "$TMPDIR/x"; exit 25'],
    ['and says so at once', 'echo "tar: x: Cannot write: No space left on device" >&2; exit 25'],
  ])('that fills the disk %s is a storage error', { tags: ['system'] }, async (_how, mmdebstrap) => {
    await using disk = await smallDisk(100 * 1024);
    const { error } = await bootstrap({ tmpDir: disk.path, mmdebstrap });
    expect(error).toBeInstanceOf(StorageError);
    expect(error.message).toBe(`cannot write to ${disk.path}: the disk is full`);
    expect(error.hint).toContain('layersmith clean --older-than');
    expect(await readdir(disk.path)).toEqual([]);
  });
});
