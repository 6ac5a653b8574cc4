import { setTimeout as sleep } from 'node:timers/promises';

const ATTEMPTS = 8;
const FIRST_DELAY_MS = 250;

/** Repeats a call with growing delays while `when` accepts its error: at most eight times, about half a minute. */
export async function retrying<T>(
  attempt: () => Promise<T>,
  { when, signal }: { readonly when: (error: unknown) => boolean; readonly signal: AbortSignal },
): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (count >= ATTEMPTS || !when(error)) throw error;
      await sleep(FIRST_DELAY_MS * 2 ** (count - 1), undefined, { signal });
    }
  }
}
