/** Runs a job when fewer than the limit are running; an abort while it waits rejects with the abort's reason. */
export type Limit = <T>(signal: AbortSignal, job: () => Promise<T>) => Promise<T>;

/** A gate through which at most `atOnce` jobs pass at a time, first come first served. */
export function createLimit(atOnce: number): Limit {
  let running = 0;
  const waiting: (() => void)[] = [];

  const enter = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    if (running < atOnce) {
      running += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        waiting.splice(waiting.indexOf(go), 1);
        reject(signal.reason as Error);
      };
      waiting.push(go);
      signal.addEventListener('abort', leave, { once: true });
    });
  };

  return async (signal, job) => {
    await enter(signal);
    try {
      return await job();
    } finally {
      // The place goes to the next in line, so `running` changes only when nobody waits.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
