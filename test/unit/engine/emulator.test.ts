import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { emulatorState, installEmulator, isOnThisMachine } from '../../../src/engine/emulator.js';
import { StageError } from '../../../src/core/errors.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const LINE = String.raw`:qemu-aarch64:M::\x7f\x45\x4c\x46::/usr/libexec/qemu-binfmt/aarch64-binfmt-P:OPF`;
const WORKS = 'enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POF\noffset 0\n';

/** The two folders of Linux, with these files. */
async function binfmt(files: Readonly<Record<string, string>>, register = 'kernel/register') {
  const folder = await temporaryFolder();
  await folder.write({ 'kernel/status': 'enabled\n', [register]: '', ...files });
  const [kernel, packageFolder] = [join(folder.path, 'kernel'), join(folder.path, 'package')];
  return {
    folders: { kernel, package: packageFolder },
    kernelFile: (name: string) => readFile(join(kernel, name), 'utf8'),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const ENTRY = 'kernel/qemu-aarch64';
const CONF = { 'package/qemu-aarch64.conf': `${LINE}\n` };

test.each([
  ['registered', 'it is enabled for containers', { [ENTRY]: WORKS }],
  ['not-installed', 'nothing is there', {}],
  ['not-registered', 'only the package is there', CONF],
  ['not-registered', 'it is disabled', { ...CONF, [ENTRY]: WORKS.replace('enabled', 'disabled') }],
  ['not-registered', 'it does not work in containers', { ...CONF, [ENTRY]: WORKS.replace('POF', 'PO') }],
  ['not-registered', 'everything is disabled', { ...CONF, [ENTRY]: WORKS, 'kernel/status': 'disabled\n' }],
] as const)('qemu is %s where %s', async (state, _why, files) => {
  await using linux = await binfmt(files);
  expect(await emulatorState('arm64', linux.folders)).toBe(state);
});

test('each architecture has its own qemu', async () => {
  await using linux = await binfmt({ [ENTRY]: WORKS, 'package/qemu-x86_64.conf': LINE });
  expect(await emulatorState('x86_64', linux.folders)).toBe('not-registered');
});

const signal = new AbortController().signal;

test("qemu is registered with its package's line", async () => {
  await using linux = await binfmt(CONF);
  await installEmulator('arm64', { env: {}, signal, folders: linux.folders });
  expect(await linux.kernelFile('register')).toBe(LINE);
});

test('a registration that does not work in containers is replaced', async () => {
  const files = { ...CONF, [ENTRY]: WORKS.replace('POF', 'PO'), 'kernel/status': 'disabled\n' };
  await using linux = await binfmt(files);
  await installEmulator('arm64', { env: {}, signal, folders: linux.folders });
  expect(await linux.kernelFile('qemu-aarch64')).toBe('-1');
  expect(await linux.kernelFile('status')).toBe('1');
  expect(await linux.kernelFile('register')).toBe(LINE);
});

test('nothing is registered twice', async () => {
  await using linux = await binfmt({ ...CONF, [ENTRY]: WORKS });
  await installEmulator('arm64', { env: {}, signal, folders: linux.folders });
  expect(await linux.kernelFile('register')).toBe('');
});

test('a kernel that refuses is reported', async () => {
  await using linux = await binfmt(CONF, 'kernel/register/is-a-folder');
  const error = await failure(
    installEmulator('arm64', { env: {}, signal, folders: linux.folders }),
    StageError,
  );
  expect(error.message).toMatch(/^the kernel did not accept qemu-aarch64 at /);
});

test.each([
  ['unix:///var/run/docker.sock', 'linux', true],
  ['unix:///run/user/1000/podman/podman.sock', 'linux', true],
  ['tcp://127.0.0.1:2375', 'linux', false],
  ['ssh://build', 'linux', false],
  ['unix:///home/me/.docker/desktop/docker.sock', 'linux', false],
  ['unix:///var/run/docker.sock', 'darwin', false],
])('the engine at %s on %s is on this machine: %s', (endpoint, os, expected) => {
  expect(isOnThisMachine({ endpoint }, os)).toBe(expected);
});
