import { treeSignature } from '../tree/tree-signature.js';
import type { Sandbox } from '../lambda/sandbox.js';
import type { BuildContext } from './build/build-context.js';
import { openLocalFunction, type LocalFunction } from './local-function.js';

/**
 * A local function that follows its files: an invocation that finds the function or a layer changed since the
 * last one runs in a new sandbox, and so does the next after a fault of the engine. One that cannot be opened
 * any more rejects the invocation, and is tried again by the next. Otherwise as `openLocalFunction`.
 */
export async function openWatchedFunction(fn: LocalFunction, context: BuildContext): Promise<Sandbox> {
  const signatureOf = (): string => [fn.functionPath, ...fn.layers].map(treeSignature).join(' ');
  let signature = signatureOf();
  let current: Sandbox | undefined = await openLocalFunction(fn, context);
  let queue: Promise<unknown> = Promise.resolve();

  const close = async (): Promise<void> => {
    const old = current;
    current = undefined;
    await old?.[Symbol.asyncDispose]();
  };
  /** The sandbox of the files as they are now. */
  const fresh = async (): Promise<Sandbox> => {
    context.signal.throwIfAborted();
    const now = signatureOf();
    if (current !== undefined && now === signature) return current;
    fn.onLog(
      now === signature
        ? 'layersmith: a new sandbox for the function'
        : 'layersmith: files of the function changed: it runs in a new sandbox',
    );
    await close();
    signature = now;
    current = await openLocalFunction(fn, context);
    return current;
  };
  const enqueue = <T>(task: (sandbox: Sandbox) => Promise<T>): Promise<T> => {
    const result = queue.then(async () => {
      const sandbox = await fresh();
      try {
        return await task(sandbox);
      } catch (error) {
        await close();
        throw error;
      }
    });
    queue = result.catch(() => undefined);
    return result;
  };
  return {
    init: () => enqueue((sandbox) => sandbox.init()),
    invoke: (request, sink) => enqueue((sandbox) => sandbox.invoke(request, sink)),
    [Symbol.asyncDispose]: close,
  };
}
