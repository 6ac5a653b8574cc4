import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { runCommand } from '../core/run-command.js';
import type { ContainerEngine } from './container-engine.js';
import type { Architecture } from '../platform/platform.js';

/** Whether this machine's kernel starts programs of another architecture, also in containers. */
export type EmulatorState = 'registered' | 'not-registered' | 'not-installed';

/** The folders of Linux that say what the kernel starts with qemu. */
export interface BinfmtFolders {
  /** The kernel's own: a file for each registered format. */
  readonly kernel: string;
  /** qemu-user-static's: the line to register, in a file for each architecture. */
  readonly package: string;
}

/** The folders on Debian and Ubuntu. */
export const BINFMT_FOLDERS: BinfmtFolders = {
  kernel: '/proc/sys/fs/binfmt_misc',
  package: '/usr/lib/binfmt.d',
};

const PACKAGE = 'qemu-user-static';

/** Reports whether an engine runs its containers on this machine, whose kernel can be inspected. */
export function isOnThisMachine({ endpoint }: Pick<ContainerEngine, 'endpoint'>, os: string): boolean {
  // Docker Desktop and Colima run a virtual machine behind a socket in the user's home.
  return os === 'linux' && endpoint.startsWith('unix://') && !/\/\.(?:docker|colima)\//.test(endpoint);
}

/** Returns whether the kernel starts programs of an architecture that is not its own. */
export async function emulatorState(
  architecture: Architecture,
  folders: BinfmtFolders = BINFMT_FOLDERS,
): Promise<EmulatorState> {
  const status = await read(join(folders.kernel, 'status'));
  const entry = await read(join(folders.kernel, nameOf(architecture)));
  // Without the flag F the kernel looks for qemu in the container, which does not have it.
  const works = entry !== undefined && /^enabled$/m.test(entry) && /^flags: \w*F/m.test(entry);
  if (works && status?.trim() !== 'disabled') return 'registered';
  return (await read(lineFile(architecture, folders))) === undefined ? 'not-installed' : 'not-registered';
}

/**
 * Makes the kernel start programs of another architecture with qemu: installs qemu-user-static with apt-get if it is missing,
 * and registers it. Requires root. Throws StageError if that fails.
 */
export async function installEmulator(
  architecture: Architecture,
  options: {
    /** The environment of apt-get: proxies. */
    readonly env: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly folders?: BinfmtFolders;
  },
): Promise<void> {
  const { env, signal, folders = BINFMT_FOLDERS } = options;
  if ((await emulatorState(architecture, folders)) === 'not-installed') {
    const apt = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, signal };
    // A failed update is not an error: the repository of another vendor may be down while Debian's is available.
    await runCommand(['apt-get', 'update', '-qq'], apt);
    const install = ['install', '-y', '-qq', '--no-install-recommends', PACKAGE];
    const installed = await runCommand(['apt-get', ...install], apt);
    if (!installed.ok)
      throw new StageError(`apt-get could not install ${PACKAGE}`, {
        details: { 'last lines': installed.lastLines },
        hint: `Install it by hand (Debian or Ubuntu), or run ${architecture} layers elsewhere.`,
      });
  }
  // Where systemd runs, the package has registered itself.
  if ((await emulatorState(architecture, folders)) === 'registered') return;
  await register(architecture, { signal, folders });
}

async function register(
  architecture: Architecture,
  { signal, folders }: { readonly signal: AbortSignal; readonly folders: BinfmtFolders },
): Promise<void> {
  const line = await read(lineFile(architecture, folders));
  if (line === undefined)
    throw new StageError(`${PACKAGE} has no file ${lineFile(architecture, folders)}`, {
      hint: 'Use a machine with Debian 12 or later, or register qemu by hand (binfmt_misc, with the flag F).',
    });
  const control = join(folders.kernel, 'register');
  if (!(await exists(control))) {
    const mount = ['mount', '-t', 'binfmt_misc', 'binfmt_misc', folders.kernel] as const;
    const mounted = await runCommand(mount, { env: {}, signal });
    if (!mounted.ok)
      throw new StageError(`cannot mount ${folders.kernel}`, {
        details: { 'last lines': mounted.lastLines },
        hint: "Run `layersmith doctor --fix` on the engine's machine itself: a container may not mount.",
      });
    // The mount may have shown what was registered before.
    if ((await emulatorState(architecture, folders)) === 'registered') return;
  }
  const entry = join(folders.kernel, nameOf(architecture));
  try {
    if ((await read(join(folders.kernel, 'status')))?.trim() === 'disabled')
      await writeFile(join(folders.kernel, 'status'), '1');
    // Disabled, or without the flag F: -1 removes it.
    if (await exists(entry)) await writeFile(entry, '-1');
    await writeFile(control, line.trim());
  } catch (cause) {
    throw new StageError(`the kernel did not accept ${nameOf(architecture)} at ${control}`, {
      details: { reason: cause instanceof Error ? cause.message : String(cause) },
      hint: "Run `layersmith doctor --fix` as root on the engine's machine itself.",
      cause,
    });
  }
}

function nameOf(architecture: Architecture): string {
  return `qemu-${architecture === 'arm64' ? 'aarch64' : 'x86_64'}`;
}

function lineFile(architecture: Architecture, folders: BinfmtFolders): string {
  return join(folders.package, `${nameOf(architecture)}.conf`);
}

/** Returns a file's text; undefined if it does not exist. */
async function read(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
