import { expect, test } from 'vitest';
import { processIdentity } from '../../../src/core/process-identity.js';
import type { ContainerEngine } from '../../../src/engine/container-engine.js';
import { ownerLabels, sweepContainers } from '../../../src/engine/owned-containers.js';

test('a container older than a day is removed only if its process is not visible from here', async () => {
  const [owner = ''] = Object.keys(ownerLabels());
  const createdAt = new Date(Date.now() - 25 * 60 * 60 * 1000);
  const engine: Pick<ContainerEngine, 'listContainers' | 'removeContainer'> = {
    listContainers: () =>
      Promise.resolve([
        { id: 'ours', labels: { [owner]: processIdentity() }, createdAt },
        { id: 'theirs', labels: { [owner]: '000000000000-1-1' }, createdAt },
        { id: 'new', labels: { [owner]: '000000000000-1-1' }, createdAt: new Date() },
      ]),
    removeContainer: () => Promise.resolve(),
  };
  const { signal } = new AbortController();
  expect(await sweepContainers(engine as ContainerEngine, { kept: false, signal })).toEqual(['theirs']);
});
