import { statfs } from 'node:fs/promises';
import { StorageError } from '../../core/errors.js';

/** Less than this counts as full: a file system rarely gives out its very last block. */
const NOTHING_BYTES = 128 * 1024;
const LOOK_EVERY_MS = 250;

/** What the user can still write on the file system of that folder, in bytes. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** The error for a folder whose disk is full, or too full for the next step. */
export function diskFullError(folder: string, detail = ''): StorageError {
  return new StorageError(`cannot write to ${folder}: the disk is full${detail}`, {
    hint: 'Free some space there (`layersmith clean --older-than 30d`), or choose another folder with --store.',
  });
}

/**
 * Runs something that does not report a full disk, such as apt, which complains about signatures or waits for ever.
 * When the disk of the folder fills up meanwhile, aborts it and throws a StorageError.
 */
export async function watchingSpace<T>(
  folder: string,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort(signal.reason);
  };
  const look = async (): Promise<void> => {
    if ((await freeBytes(folder)) < NOTHING_BYTES) controller.abort(diskFullError(folder));
  };
  signal.throwIfAborted();
  signal.addEventListener('abort', stop, { once: true });
  const timer = setInterval(() => {
    // A folder that cannot be examined makes `run` fail too.
    look().catch(() => undefined);
  }, LOOK_EVERY_MS);
  try {
    const result = await run(controller.signal);
    // The end may have come between two looks.
    await look();
    controller.signal.throwIfAborted();
    return result;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  }
}
