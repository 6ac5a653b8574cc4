import pLimit from 'p-limit';

export interface ParallelOptions {
  /** How many tasks run at once; at least one does. */
  readonly parallel: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs tasks in their order, at most `parallel` at once, and returns their results in that order. The first one
 * that rejects stops the rest: those that wait never start, the signal of those that run is aborted, and its error
 * is thrown once they have ended. Throws the reason of `signal` when that is aborted.
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
