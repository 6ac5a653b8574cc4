import { expect, test } from 'vitest';
import { removingFreshImages } from '../../../src/cli/remove-fresh-images.js';
import type { ContainerEngine } from '../../../src/engine/container-engine.js';
import { DEFINITION_LABEL, IMAGE_LABEL } from '../../../src/toolchain/toolchain.js';

interface Images {
  readonly engine: ContainerEngine;
  readonly add: (id: string, labels?: Readonly<Record<string, string>>) => void;
  readonly ids: () => readonly string[];
}

/** An engine that holds images, of which it does not remove those whose id starts with `busy`. */
function images(): Images {
  const held = new Map<string, Readonly<Record<string, string>>>();
  return {
    add: (id, labels = {}) => held.set(id, { [IMAGE_LABEL]: 'debian-toolchain', ...labels }),
    ids: () => [...held.keys()],
    engine: {
      listImages: (_label: object, signal?: AbortSignal) => {
        signal?.throwIfAborted();
        return Promise.resolve([...held].map(([id, labels]) => ({ id, labels })));
      },
      removeImage: (id: string) => {
        if (id.startsWith('busy')) return Promise.reject(new Error('a container uses it'));
        held.delete(id);
        return Promise.resolve();
      },
    } as unknown as ContainerEngine,
  };
}

test("after an abort, each image of this run that no build finds is removed, and nobody else's", async () => {
  const { engine, add, ids } = images();
  const warnings: string[] = [];
  const stop = new AbortController();
  add('earlier');
  const run = async (): Promise<void> => {
    await using _removed = await removingFreshImages(engine, {
      warn: (message) => warnings.push(message),
      signal: stop.signal,
    });
    add('busy');
    add('fresh');
    add('of a build', { [DEFINITION_LABEL]: 'x' });
    stop.abort(new Error('interrupted'));
    stop.signal.throwIfAborted();
  };
  await expect(run()).rejects.toThrow('interrupted');
  expect(ids()).toEqual(['earlier', 'busy', 'of a build']);
  expect(warnings).toEqual([expect.stringContaining('a container uses it')]);
});

test('an engine that is gone does not hide why the run failed', async () => {
  const { engine } = images();
  const warnings: string[] = [];
  const warn = (message: string): unknown => warnings.push(message);
  const run = async (): Promise<void> => {
    await using _removed = await removingFreshImages(engine, { warn, signal: new AbortController().signal });
    engine.listImages = () => Promise.reject(new Error('gone'));
    throw new Error('the reason');
  };
  await expect(run()).rejects.toThrow('the reason');
  expect(warnings).toEqual([expect.stringContaining('gone')]);
});
