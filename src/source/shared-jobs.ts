/**
 * Joins the running job of that key, or starts it. The job is aborted when its last caller has been aborted. The promise of
 * that caller rejects only after the job has cleaned up.
 */
export type ShareJob<T> = (
  key: string,
  signal: AbortSignal,
  start: (signal: AbortSignal) => Promise<T>,
) => Promise<T>;

interface Job<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  waiters: number;
}

/** Lets callers that need the same thing at the same time share one job. Results are not kept after it ends. */
export function createSharedJobs<T>(): ShareJob<T> {
  const jobs = new Map<string, Job<T>>();

  const begin = (key: string, start: (signal: AbortSignal) => Promise<T>): Job<T> => {
    const controller = new AbortController();
    const job: Job<T> = { controller, waiters: 0, promise: start(controller.signal) };
    jobs.set(key, job);
    const forget = (): void => {
      if (jobs.get(key) === job) jobs.delete(key);
    };
    job.promise.then(forget, forget);
    return job;
  };

  return async (key, signal, start) => {
    signal.throwIfAborted();
    const job = jobs.get(key) ?? begin(key, start);
    job.waiters += 1;
    try {
      return await untilAborted(job.promise, signal);
    } finally {
      job.waiters -= 1;
      if (signal.aborted && job.waiters === 0) {
        if (jobs.get(key) === job) jobs.delete(key);
        job.controller.abort(signal.reason);
        await job.promise.catch(() => undefined);
      }
    }
  };
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
