import type { ContainerSpec } from '../../src/engine/container-engine.js';

/** On every container that a test makes, so that what a killed test leaves can be found. */
export const TEST_LABEL = 'layersmith.test';

/** A container that runs `sleep` as a user who is nobody in particular; change what the test is about. */
export function containerSpec(changes: Partial<ContainerSpec> & { readonly image: string }): ContainerSpec {
  return {
    command: ['/bin/sleep', '600'],
    env: {},
    workingDir: '/',
    user: '1000:1000',
    labels: { [TEST_LABEL]: 'contract' },
    memoryBytes: 64 << 20,
    pids: 32,
    readOnlyRoot: false,
    tmpfs: {},
    volumes: [],
    ...changes,
  };
}
