import type { Readable } from 'node:stream';
import { packTree } from '../../src/tree/pack-tree.js';
import { fileEntry } from '../../src/tree/tree-entry.js';
import type { Container } from '../../src/engine/container-engine.js';
import { fillVolumes } from '../../src/sandbox/filled-volumes.js';
import { functionEnvironment } from '../../src/lambda/function-environment.js';
import { createLineReader } from '../../src/core/line-reader.js';
import { readCodeTree } from '../../src/tree/code-tree.js';
import { withFolders, mergeLayers } from '../../src/tree/merge-layers.js';
import type { BuildContext } from '../../src/pipeline/build/build-context.js';
import { temporaryFolder } from './temporary-folder.js';

export interface RieFunctionOptions {
  readonly layer: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly handler: string;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  /** Whole seconds; AWS's emulator has nothing smaller. */
  readonly timeoutSeconds: number;
  /** AWS's emulator, and the program that carries requests to it. */
  readonly programs: { readonly rie: Uint8Array; readonly host: Uint8Array };
}

/** A function on AWS's emulator, in the sandbox that ours has. Leaving its scope removes it. */
export interface RieFunction extends AsyncDisposable {
  /** What the function and the emulator wrote, in its order. */
  readonly log: string[];
  /**
   * Sends the bytes to the emulator, over a connection of their own, and gives what came back until that was
   * closed. One at a time. Undefined when nothing came in time; there is no use in asking it again.
   */
  send(request: Uint8Array, limitMs: number): Promise<Buffer | undefined>;
}

const PROGRAMS = '/var/judge';
const PORT = 8080;

/**
 * Starts a function on AWS's emulator, in a container of the runtime image with the same layer, files, user,
 * memory limit and variables as the product's own, and as little network: requests go over its stdin.
 */
export async function openRieFunction(
  options: RieFunctionOptions,
  context: BuildContext,
): Promise<RieFunction> {
  const { engine, signal } = context;
  await using folder = await temporaryFolder();
  await folder.write(options.files);
  const common = { tmpDir: context.store.tmpDir, warn: context.reporter.warn };
  const spec = {
    image: context.toolchain.runtimeImage.id,
    workingDir: '/var/task',
    user: '993:990',
    labels: context.labels,
    memoryBytes: options.memoryMb * 1024 ** 2,
    pids: 1024,
    readOnlyRoot: true,
    tmpfs: {},
  };
  const owned: Container[] = [];
  const remove = async (): Promise<void> => {
    for (const container of owned.splice(0).reverse()) await container[Symbol.asyncDispose]();
  };
  try {
    await using layer = await readCodeTree(options.layer, { what: 'layer', root: '/opt', ...common });
    await using task = await readCodeTree(folder.path, { what: 'function', root: '/var/task', ...common });
    const holder = await fillVolumes(engine, {
      spec,
      trees: {
        '/opt': mergeLayers([layer]),
        '/var/task': withFolders(task),
        [PROGRAMS]: [
          fileEntry('host', options.programs.host, 0o755),
          fileEntry('rie', options.programs.rie, 0o755),
        ],
      },
      signal,
    });
    owned.push(holder);
    const container = await engine.createContainer(
      {
        ...spec,
        command: [
          ...[`${PROGRAMS}/host`, String(PORT)],
          ...[`${PROGRAMS}/rie`, '--runtime-interface-emulator-address', `127.0.0.1:${PORT}`],
          ...['/opt/bootstrap', options.handler],
        ],
        env: environmentFor(options),
        volumes: ['/tmp'],
        volumesFrom: holder.id,
      },
      signal,
    );
    owned.push(container);
    await container.putArchive(
      '/tmp',
      packTree([{ type: 'directory', path: '.', mode: 0o1777 }], { owner: 0 }),
      signal,
    );
    const attachment = await container.attach(signal);
    await container.start(signal);
    const log: string[] = [];
    const lines = createLineReader((line) => log.push(line));
    attachment.stderr.on('data', (bytes: Buffer) => {
      lines.write(bytes);
    });
    attachment.stderr.on('error', () => undefined);
    const answers = frames(attachment.stdout);
    return {
      log,
      send: async (request, limitMs) => {
        const head = Buffer.alloc(4);
        head.writeUInt32BE(request.length);
        attachment.stdin.write(head);
        attachment.stdin.write(request);
        return answers.next(limitMs);
      },
      [Symbol.asyncDispose]: async () => {
        await remove();
        for (const stream of [attachment.stdin, attachment.stdout, attachment.stderr]) stream.destroy();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** It says itself where its Runtime API is. */
function environmentFor(options: RieFunctionOptions): Readonly<Record<string, string>> {
  const { handler, memoryMb, env, timeoutSeconds } = options;
  const environment = functionEnvironment({
    handler,
    functionName: 'function',
    memoryMb,
    region: 'us-east-1',
    env,
  });
  const { AWS_LAMBDA_RUNTIME_API: _, ...rest } = environment;
  return { ...rest, AWS_LAMBDA_FUNCTION_TIMEOUT: String(timeoutSeconds) };
}

/** Reads messages with their length before them. */
function frames(stream: Readable): { next(limitMs: number): Promise<Buffer | undefined> } {
  let held: Buffer[] = [];
  let length = 0;
  let waiting: ((frame: Buffer | undefined) => void) | undefined;
  const look = (): void => {
    if (waiting === undefined || length < 4) return;
    const all = Buffer.concat(held);
    held = [all];
    const size = all.readUInt32BE();
    if (all.length < 4 + size) return;
    held = [all.subarray(4 + size)];
    length = all.length - 4 - size;
    waiting(all.subarray(4, 4 + size));
  };
  stream.on('data', (bytes: Buffer) => {
    held.push(bytes);
    length += bytes.length;
    look();
  });
  for (const event of ['end', 'error']) stream.on(event, () => waiting?.(undefined));
  return {
    next: (limitMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => waiting?.(undefined), limitMs);
        waiting = (frame) => {
          waiting = undefined;
          clearTimeout(timer);
          resolve(frame);
        };
        look();
      }),
  };
}
