import { join } from 'node:path';
import { UsageError } from '../core/errors.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import { EngineNotFoundError } from '../engine/find-engine.js';
import { startEngine } from '../engine/start-engine.js';
import type { Io } from './io.js';
import { engineFor, proxiesOf } from './session.js';

/** The parts of a machine that can be inspected and installed. */
export interface Host {
  readonly canInstall: { readonly os: string; readonly isRoot: boolean };
  /** Returns the running engine. Throws EngineNotFoundError. */
  readonly findEngine: () => Promise<ContainerEngine>;
  readonly startEngine: () => Promise<void>;
}

/** Creates the host for this machine. `report` receives the lines of scripts/start-engine.sh. */
export function thisHost(io: Io, report: (line: string) => void): Host {
  const { signal } = io;
  const env = proxiesOf(io);
  const script = join(io.packageRoot, 'scripts', 'start-engine.sh');
  return {
    canInstall: io,
    findEngine: () => engineFor(io),
    startEngine: () => startEngine({ script, env: { ...env, HOME: io.homeDir }, report, signal }),
  };
}

/**
 * Installs and starts a container engine if none answers; `report` receives a message before. Works only on Linux and as root.
 *
 * Throws EngineNotFoundError or EngineUnavailableError if no engine answers afterwards, and UsageError if the user is not root.
 */
export async function installMissing(
  host: Host,
  { report }: { readonly report: (line: string) => void },
): Promise<void> {
  try {
    await host.findEngine();
  } catch (error) {
    const mayInstall = error instanceof EngineNotFoundError && error.configuredBy === undefined;
    if (!mayInstall || host.canInstall.os !== 'linux') throw error;
    requireRoot(host, 'a container engine');
    report(
      "no container engine answers: installing Debian's docker.io where it is missing, and starting it (scripts/start-engine.sh)",
    );
    await host.startEngine();
    await host.findEngine();
  }
}

function requireRoot({ canInstall }: Host, what: string): void {
  if (canInstall.isRoot) return;
  throw new UsageError(`${what} is missing, and only root can install it`, {
    hint: 'Run `layersmith doctor --fix` as root, for example with sudo, or install it yourself.',
  });
}
