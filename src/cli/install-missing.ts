import { join } from 'node:path';
import { UsageError } from '../core/errors.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import { EngineNotFoundError } from '../engine/find-engine.js';
import { startEngine } from '../engine/start-engine.js';
import type { Architecture } from '../platform/platform.js';
import { machineOf } from '../engine/machine.js';
import { emulatorState, installEmulator, isOnThisMachine, type EmulatorState } from '../engine/emulator.js';
import type { Io } from './io.js';
import { engineFor, proxiesOf } from './session.js';

/** The parts of a machine that can be inspected and installed. */
export interface Host {
  readonly canInstall: { readonly os: string; readonly isRoot: boolean };
  /** Returns the running engine. Throws EngineNotFoundError. */
  readonly findEngine: () => Promise<ContainerEngine>;
  readonly startEngine: () => Promise<void>;
  /** Whether programs of an architecture run here although it is not the machine's own. */
  readonly emulatorState: (architecture: Architecture) => Promise<EmulatorState>;
  readonly installEmulator: (architecture: Architecture) => Promise<void>;
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
    emulatorState,
    installEmulator: (architecture) => installEmulator(architecture, { env, signal }),
  };
}

/**
 * Installs what running layers of an architecture needs: a container engine if none answers, and qemu if the engine's machine
 * is this one and has another architecture. `report` receives a message before each installation. Works only on Linux and as
 * root. Does nothing if everything is present.
 *
 * Throws EngineNotFoundError or EngineUnavailableError if no engine answers afterwards, StageError if qemu cannot be installed,
 * and UsageError if something is missing and the user is not root.
 */
export async function installMissing(
  host: Host,
  options: {
    readonly architecture: Architecture;
    readonly report: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { architecture, report, signal } = options;
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
  const machine = machineOf(await engine.info(signal));
  if (machine === architecture || !isOnThisMachine(engine, host.canInstall.os)) return;
  const state = await host.emulatorState(architecture);
  if (state === 'registered') return;
  requireRoot(host, `qemu-user-static, which runs ${architecture} programs on ${machine},`);
  report(
    state === 'not-installed'
      ? `qemu-user-static, which runs ${architecture} programs on ${machine}, is missing: installing it with apt-get`
      : `qemu-user-static, which runs ${architecture} programs on ${machine}, is not registered: registering it with the kernel`,
  );
  await host.installEmulator(architecture);
}

function requireRoot({ canInstall }: Host, what: string): void {
  if (canInstall.isRoot) return;
  throw new UsageError(`${what} is missing, and only root can install it`, {
    hint: 'Run `layersmith doctor --fix` as root, for example with sudo, or install it yourself.',
  });
}
