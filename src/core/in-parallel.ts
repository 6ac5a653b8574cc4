import pLimit from 'p-limit';

/** How tasks run side by side, and what stops them. */
export interface ParallelOptions {
  /** How many tasks run at once; values below 1 count as 1. */
  readonly parallel: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs tasks in order, at most `parallel` at once, and returns their results in the same order. When a task rejects,
 * waiting tasks are not started and the signal of running tasks is aborted. Once those have ended, the first error is
 * thrown. Throws the reason of `signal` when it is aborted.
 */
export async function inParallel<T>(
  tasks: readonly ((signal: AbortSignal) => Promise<T>)[],
  { parallel, signal }: ParallelOptions,
): Promise<T[]> {
  const limit = pLimit(Math.max(1, parallel));
  const failed = new AbortController();
  const either = AbortSignal.any(signal === undefined ? [failed.signal] : [signal, failed.signal]);
  const results = await Promise.allSettled(
    tasks.map((task) =>
      limit(async () => {
        either.throwIfAborted();
        try {
          return await task(either);
        } catch (error) {
          failed.abort(error);
          throw error;
        }
      }),
    ),
  );
  signal?.throwIfAborted();
  failed.signal.throwIfAborted();
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
