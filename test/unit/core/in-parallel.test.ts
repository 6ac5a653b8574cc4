import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { inParallel } from '../../../src/core/in-parallel.js';

/** Runs until its signal is aborted. */
function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

describe('tasks in parallel', () => {
  test('never exceed the limit, and return their results in order', async () => {
    let running = 0;
    let most = 0;
    const tasks = [30, 20, 10, 0, 5].map((ms) => async () => {
      running += 1;
      most = Math.max(most, running);
      await sleep(ms);
      running -= 1;
      return ms;
    });
    expect(await inParallel(tasks, { parallel: 2 })).toEqual([30, 20, 10, 0, 5]);
    expect(most).toBe(2);
  });

  test('run one by one for a limit below 1', async () => {
    expect(await inParallel([() => Promise.resolve('a')], { parallel: 0 })).toEqual(['a']);
  });

  test('stop at the first failure, which is thrown once those that run have ended', async () => {
    const events: string[] = [];
    const tasks = [
      async (signal: AbortSignal) => {
        await untilAborted(signal);
        await sleep(20);
        events.push('cleaned up');
        throw new Error('a consequence');
      },
      () => Promise.reject(new Error('the cause')),
      () => {
        events.push('started');
        return Promise.resolve();
      },
    ];
    await expect(inParallel(tasks, { parallel: 2 })).rejects.toThrow('the cause');
    expect(events).toEqual(['cleaned up']);
  });

  test('stop when the signal is aborted, with its reason', async () => {
    const controller = new AbortController();
    const reason = new Error('stop');
    let ended = false;
    const task = async (signal: AbortSignal): Promise<void> => {
      await untilAborted(signal);
      await sleep(20);
      ended = true;
    };
    const running = inParallel([task], { parallel: 1, signal: controller.signal });
    await sleep(5);
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(ended).toBe(true);
  });
});
