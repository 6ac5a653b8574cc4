import { UsageError } from '../core/errors.js';
import { ARCHITECTURES, type Architecture } from '../platform/platform.js';
import type { EngineInfo } from './container-engine.js';

/** The architecture of an engine's machine, as engines call it. Throws UsageError for one that Lambda does not have. */
export function machineOf(info: Pick<EngineInfo, 'architecture'>): Architecture {
  const named = info.architecture === 'aarch64' ? 'arm64' : info.architecture;
  const machine = ARCHITECTURES.find((one) => one === named);
  if (machine !== undefined) return machine;
  throw new UsageError(`the container engine runs on ${info.architecture}`, {
    hint: 'Use an engine on x86_64 or arm64 (DOCKER_HOST).',
  });
}
