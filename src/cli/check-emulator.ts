import { EngineError } from '../core/errors.js';
import type { ContainerEngine, EngineInfo } from '../engine/container-engine.js';
import { ownerLabels } from '../engine/owned-containers.js';
import type { Platform } from '../platform/platform.js';
import { checkForeignImage } from '../sandbox/foreign-image.js';
import { machineOf } from '../engine/machine.js';
import { emulatorState, isOnThisMachine } from '../engine/emulator.js';
import type { Finding } from './finding.js';
import type { Io } from './io.js';
import { runtimeImageInEngine } from './toolchain-session.js';

/**
 * Checks that an engine runs the programs of a platform's architecture: by starting one if the engine has the runtime image, else
 * by what the kernel of this machine has registered. Returns nothing for the architecture of the engine's machine.
 */
export async function checkEmulator(
  { engine, info }: { readonly engine: ContainerEngine | undefined; readonly info: EngineInfo | undefined },
  { io, platform }: { readonly io: Io; readonly platform: Platform },
): Promise<readonly Finding[]> {
  const { architecture } = platform;
  if (engine === undefined || info === undefined || machineOf(info) === architecture) return [];
  const name = 'emulator';
  const works: Finding = { name, state: 'ok', message: `${architecture} programs run through qemu` };
  const fails = (message: string, remedy: string): Finding => ({ name, state: 'warning', message, remedy });
  const fix = `\`layersmith doctor --fix --arch ${architecture}\` as root (Debian or Ubuntu)`;

  const runtimeImage = await runtimeImageInEngine(io, { engine, platform });
  if (runtimeImage !== undefined) {
    const container = { labels: ownerLabels(), signal: io.signal };
    try {
      await checkForeignImage({ engine, machine: machineOf(info), platform, runtimeImage, ...container });
      return [works];
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      return [fails(error.message, error.hint ?? `Run ${fix} on the engine's machine.`)];
    }
  }
  if (!isOnThisMachine(engine, io.os)) {
    return [
      fails(
        `cannot see from here whether ${engine.endpoint} runs ${architecture} programs`,
        `If its layers do not start, run ${fix} on that machine.`,
      ),
    ];
  }
  const state = await emulatorState(architecture);
  if (state === 'registered') return [works];
  const missing = state === 'not-installed' ? 'installed' : 'registered with the kernel';
  return [
    fails(
      `${architecture} layers can be compiled but not tested: qemu-user-static is not ${missing}`,
      `Run ${fix}.`,
    ),
  ];
}
