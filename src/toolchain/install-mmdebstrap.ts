import { StageError } from '../core/errors.js';
import { runCommand } from '../core/run-command.js';

export interface HostCommandOptions {
  /** `http_proxy` and its like, and what else the programs need. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Whether mmdebstrap, which bootstraps the embedded Debian toolchain, is installed on this host. */
export async function hasMmdebstrap({ env, signal }: HostCommandOptions): Promise<boolean> {
  return (await runCommand(['mmdebstrap', '--version'], { env, signal })).ok;
}

/** Installs mmdebstrap with apt-get. Wants root, and Debian or Ubuntu. Throws StageError when that fails. */
export async function installMmdebstrap({ env, signal }: HostCommandOptions): Promise<void> {
  const apt = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, signal };
  // The list of another vendor may not answer while Debian's does: the installation decides.
  await runCommand(['apt-get', 'update', '-qq'], apt);
  const packages = ['mmdebstrap', 'debian-archive-keyring'];
  const installed = await runCommand(
    ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages],
    apt,
  );
  if (installed.ok) return;
  throw new StageError(`apt-get could not install ${packages.join(' and ')}`, {
    details: { 'last lines': installed.lastLines },
    hint: 'Install them by hand (Debian or Ubuntu), or use --toolchain amazonlinux where its registry answers.',
  });
}
