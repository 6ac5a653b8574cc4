import { EngineUnavailableError } from '../core/errors.js';
import { runCommand } from '../core/run-command.js';

/**
 * Runs scripts/start-engine.sh, which installs Debian's docker.io if it is missing, and starts it. Does nothing if an engine
 * answers. Requires root. Throws EngineUnavailableError with the script's last lines if it fails.
 */
export async function startEngine(options: {
  readonly script: string;
  /** The environment of the script: HOME, and proxies for apt. */
  readonly env: Readonly<Record<string, string>>;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { status, lastLines } = await runCommand(['/bin/sh', options.script], {
    env: options.env,
    signal: options.signal,
    onLine: (line) => {
      if (line.startsWith('start-engine:')) options.report(line);
    },
  });
  if (status === 0) return;
  throw new EngineUnavailableError('no container engine answers, and Docker could not be started', {
    details: { 'start-engine.sh': lastLines },
    hint: 'Install and start Docker Engine or Podman, or set DOCKER_HOST to a running engine.',
  });
}
