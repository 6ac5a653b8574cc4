import { statfs } from 'node:fs/promises';
import { StorageError } from '../../core/errors.js';

/** Free space below this counts as full: file systems rarely give out their last block. */
const NOTHING_BYTES = 128 * 1024;
const LOOK_EVERY_MS = 250;

/** Returns the bytes that the user can still write on the folder's file system. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Creates the error for a disk that is full, or too full for the next step. */
export function diskFullError(folder: string, detail = ''): StorageError {
  return new StorageError(`cannot write to ${folder}: the disk is full${detail}`, {
    hint: 'Free some space there (`layersmith clean --older-than 30d`), or choose another folder with --store.',
  });
}

/**
 * Runs something that does not report a full disk: apt, for example, complains about signatures or hangs. If the folder's disk
 * becomes full meanwhile, aborts it and throws a StorageError.
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
    // If the folder cannot be examined, `run` fails too.
    look().catch(() => undefined);
  }, LOOK_EVERY_MS);
  try {
    const result = await run(controller.signal);
    // `run` may have ended between two checks.
    await look();
    controller.signal.throwIfAborted();
    return result;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  }
}
