import { StageError } from '../core/errors.js';
import { runCommand } from '../core/run-command.js';

/** How programs on the host are run. */
export interface HostCommandOptions {
  /** The environment of the programs: `http_proxy` and similar variables, and others that they need. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Reports whether mmdebstrap, which bootstraps the embedded Debian toolchain, is installed on this host. */
export async function hasMmdebstrap({ env, signal }: HostCommandOptions): Promise<boolean> {
  return (await runCommand(['mmdebstrap', '--version'], { env, signal })).ok;
}

/** Installs mmdebstrap with apt-get. Requires root, and Debian or Ubuntu. Throws StageError if that fails. */
export async function installMmdebstrap({ env, signal }: HostCommandOptions): Promise<void> {
  const apt = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, signal };
  // A failed update is not an error: the repository of another vendor may be down while Debian's is available.
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
