/**
 * Runs tasks in their order, so many at once. The first that rejects keeps those from starting that have not, and is
 * thrown when the others have ended.
 */
export async function inParallel(tasks: readonly (() => Promise<void>)[], parallel: number): Promise<void> {
  const queue = [...tasks];
  const worker = async (): Promise<void> => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) await task();
  };
  const workers = Array.from({ length: Math.max(1, parallel) }, async () => {
    try {
      await worker();
    } catch (error) {
      queue.length = 0;
      throw error;
    }
  });
  for (const result of await Promise.allSettled(workers)) {
    if (result.status === 'rejected') throw result.reason;
  }
}
