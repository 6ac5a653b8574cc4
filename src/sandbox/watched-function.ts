import type { Sandbox } from '../lambda/sandbox.js';
import { followTrees } from '../tree/followed-trees.js';
import { openLocalFunction, type LocalFunction } from './local-function.js';
import type { RunContext } from './run-context.js';

/** A sandbox, and whether its container or engine has failed. */
interface Opened {
  sandbox: Sandbox | undefined;
  failed: boolean;
}

/**
 * Opens a local function that follows its files. If the function or a layer has changed, the next invocation runs in a new
 * sandbox. The same happens after the engine has failed. If the container ends while the function is idle, the new sandbox
 * starts at once. If the function cannot be opened, the invocation rejects, and the next one tries again.
 */
export async function openWatchedFunction(fn: LocalFunction, context: RunContext): Promise<Sandbox> {
  const files = followTrees([fn.functionPath, ...fn.layers], {
    platform: process.platform,
    now: context.now,
  });
  let signature = await files.signature();
  let current: Opened | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let pending = 0;
  /** False after a restart until the next invocation, so that a container that keeps ending is not restarted endlessly. */
  let mayRestart = true;
  let isDisposed = false;

  const open = async (): Promise<Sandbox> => {
    const opened: Opened = { sandbox: undefined, failed: false };
    const onFailure = (reason: Error): void => {
      opened.failed = true;
      if (current === opened && pending === 0) restart(reason);
    };
    const sandbox = await openLocalFunction({ ...fn, onFailure }, context);
    opened.sandbox = sandbox;
    current = opened;
    return sandbox;
  };
  const close = async (): Promise<void> => {
    const old = current;
    current = undefined;
    await old?.sandbox?.[Symbol.asyncDispose]();
  };
  /** Returns a sandbox with the current files. */
  const fresh = async (): Promise<Sandbox> => {
    context.signal.throwIfAborted();
    const now = await files.signature();
    const isChanged = now !== signature;
    if (current?.sandbox !== undefined && !current.failed && !isChanged) return current.sandbox;
    fn.onLog(
      isChanged
        ? 'layersmith: files of the function changed: starting a new sandbox'
        : 'layersmith: starting a new sandbox',
    );
    await close();
    signature = now;
    return open();
  };
  const enqueue = <T>(task: (sandbox: Sandbox) => Promise<T>): Promise<T> => {
    pending += 1;
    const result = queue.then(async () => {
      try {
        return await task(await fresh());
      } catch (error) {
        await close();
        throw error;
      } finally {
        pending -= 1;
      }
    });
    queue = result.catch(() => undefined);
    return result;
  };
  const restart = (reason: Error): void => {
    fn.onLog(`layersmith: ${reason.message}`);
    if (!mayRestart || isDisposed) return;
    mayRestart = false;
    enqueue((sandbox) => sandbox.init()).catch((error: unknown) => {
      if (context.signal.aborted || isDisposed) return;
      const why = error instanceof Error ? error.message : String(error);
      fn.onLog(`layersmith: no new sandbox until the next invocation: ${why}`);
    });
  };

  try {
    await open();
  } catch (error) {
    files[Symbol.dispose]();
    throw error;
  }
  return {
    init: () => enqueue((sandbox) => sandbox.init()),
    invoke: (request, sink) =>
      enqueue(async (sandbox) => {
        const outcome = await sandbox.invoke(request, sink);
        mayRestart = true;
        return outcome;
      }),
    [Symbol.asyncDispose]: async () => {
      isDisposed = true;
      files[Symbol.dispose]();
      await close();
      // A restart may still be opening a sandbox.
      await queue;
      await close();
    },
  };
}
