import { join } from 'node:path';
import { UsageError } from '../core/errors.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import { EngineNotFoundError } from '../engine/find-engine.js';
import { startEngine } from '../engine/start-engine.js';
import { hasMmdebstrap, installMmdebstrap } from '../toolchain/install-mmdebstrap.js';
import type { ToolchainKind } from '../toolchain/toolchain.js';
import type { Io } from './io.js';
import { engineFor, proxiesOf } from './session.js';

/** The parts of a machine that can be inspected and installed. */
export interface Host {
  readonly canInstall: { readonly os: string; readonly isRoot: boolean };
  /** Returns the running engine. Throws EngineNotFoundError. */
  readonly findEngine: () => Promise<ContainerEngine>;
  readonly startEngine: () => Promise<void>;
  readonly hasMmdebstrap: () => Promise<boolean>;
  readonly installMmdebstrap: () => Promise<void>;
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
    hasMmdebstrap: () => hasMmdebstrap({ env, signal }),
    installMmdebstrap: () => installMmdebstrap({ env, signal }),
  };
}

/** Settings of `installMissing`. */
export interface MissingOptions {
  /** `--toolchain`: `debian` always needs mmdebstrap. */
  readonly toolchain: ToolchainKind | undefined;
  /** Whether the engine has all images that a build for the platform needs. */
  readonly hasImages: (engine: ContainerEngine) => Promise<boolean>;
  /** Whether the registry of Amazon's images answers. If so, nothing needs to be bootstrapped. */
  readonly registryAnswers: (engine: ContainerEngine) => Promise<boolean>;
  /** Receives a message before each installation. */
  readonly report: (line: string) => void;
}

/**
 * Installs what a build on this machine needs: a container engine, and mmdebstrap if the embedded toolchain has to be
 * bootstrapped. Works only on Linux and as root. Does nothing if everything is present.
 *
 * Throws EngineNotFoundError or EngineUnavailableError if no engine answers afterwards, StageError if mmdebstrap cannot be
 * installed, and UsageError if something is missing and the user is not root.
 */
export async function installMissing(host: Host, options: MissingOptions): Promise<void> {
  const { report } = options;
  const engine = await host.findEngine().catch(async (error: unknown) => {
    const mayInstall = error instanceof EngineNotFoundError && error.configuredBy === undefined;
    if (!mayInstall || host.canInstall.os !== 'linux') throw error;
    requireRoot(host, 'a container engine');
    report(
      "no container engine answers: installing Debian's docker.io where it is missing, and starting it (scripts/start-engine.sh)",
    );
    await host.startEngine();
    return host.findEngine();
  });
  if (host.canInstall.os !== 'linux' || (await host.hasMmdebstrap())) return;
  if (!(await wantsMmdebstrap(engine, options))) return;
  requireRoot(host, 'mmdebstrap');
  report('mmdebstrap, which makes the embedded toolchain, is missing: installing it with apt-get');
  await host.installMmdebstrap();
}

async function wantsMmdebstrap(
  engine: ContainerEngine,
  { toolchain, hasImages, registryAnswers }: MissingOptions,
): Promise<boolean> {
  if (toolchain !== undefined) return toolchain === 'debian';
  return !(await hasImages(engine)) && !(await registryAnswers(engine));
}

function requireRoot({ canInstall }: Host, what: string): void {
  if (canInstall.isRoot) return;
  throw new UsageError(`${what} is missing, and only root can install it`, {
    hint: 'Run `layersmith doctor --fix` as root, for example with sudo, or install it yourself.',
  });
}
