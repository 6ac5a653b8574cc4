import type { Duplex } from 'node:stream';

import { fileEntry } from '../../src/tree/tree-entry.js';
import { fillVolumes } from '../../src/sandbox/filled-volumes.js';
import { functionEnvironment, relayCommand } from '../../src/lambda/function-environment.js';
import type { ProgramExit } from '../../src/lambda/relay-frames.js';
import { relayProgram } from '../../src/lambda/relay-program.js';
import { multiplexRelay } from '../../src/lambda/relay-multiplexer.js';
import { readCodeTree } from '../../src/tree/code-tree.js';
import { mergeLayers } from '../../src/tree/merge-layers.js';
import { testContext } from './local-function.js';

/** A bootstrap at work in a container, whose Runtime API is somebody else's. Leaving its scope removes it. */
export interface BareBootstrap extends AsyncDisposable {
  /** How it ended; undefined while it lives. */
  exit(): ProgramExit | undefined;
  /** The end of what it wrote. */
  lastLog(): string;
}

/** Starts the layer's bootstrap and hands over every connection that it makes. */
export async function startBareBootstrap(options: {
  readonly layer: string;
  readonly file: readonly [path: string, text: string];
  readonly handler: string;
  readonly memoryMb: number;
  readonly onConnection: (connection: Duplex) => void;
}): Promise<BareBootstrap> {
  const context = await testContext();
  const { engine, signal, store } = context;
  const layer = await readCodeTree(options.layer, {
    what: 'layer',
    root: '/opt',
    tmpDir: store.tmpDir,
    warn: context.reporter.warn,
  });
  const owned: AsyncDisposable[] = [layer];
  const removeOwned = async (): Promise<void> => {
    for (const one of owned.splice(0).reverse()) await one[Symbol.asyncDispose]();
  };
  const spec = {
    image: context.toolchain.runtimeImage.id,
    workingDir: '/var/task',
    user: '993:990',
    labels: context.labels,
    memoryBytes: options.memoryMb * 1024 ** 2,
    pids: 64,
    readOnlyRoot: true,
    tmpfs: {},
  };
  try {
    const holder = await fillVolumes(engine, {
      spec,
      trees: {
        '/opt': mergeLayers([layer]),
        '/var/task': [fileEntry(...options.file)],
        '/var/layersmith': [fileEntry('relay', await relayProgram(context.platform), 0o755)],
      },
      signal,
    });
    owned.push(holder);
    const env = functionEnvironment({
      handler: options.handler,
      functionName: 'fuzz',
      memoryMb: options.memoryMb,
      region: 'us-east-1',
    });
    const command = relayCommand('/var/layersmith/relay');
    const container = await engine.createContainer(
      { ...spec, command, env, volumes: ['/tmp'], volumesFrom: holder.id },
      signal,
    );
    owned.push(container);
    const { stdin, stdout, stderr } = await container.attach(signal);
    stderr.resume();
    let exit: ProgramExit | undefined;
    let log = '';
    const relay = multiplexRelay({
      stdin,
      stdout,
      onConnection: options.onConnection,
      onLog: (bytes) => {
        log = (log + bytes.toString('latin1')).slice(-4_000);
      },
      onExit: (how) => {
        exit = how;
      },
    });
    await container.start(signal);
    relay.start();
    return {
      exit: () => exit,
      lastLog: () => log,
      [Symbol.asyncDispose]: async () => {
        relay.close();
        await removeOwned();
      },
    };
  } catch (error) {
    await removeOwned();
    throw error;
  }
}
