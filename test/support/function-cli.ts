import { startCli, type Running, type RunOptions } from './cli.js';
import { realEngine } from './real-engine.js';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.js';

/** A folder for functions and layers, in which `invoke` and `serve` run on this user's store. */
export interface FunctionPlace extends TemporaryFolder {
  /** Starts `layersmith ARGS --toolchain debian` in the folder. */
  start(args: readonly string[], options?: Partial<RunOptions>): Running;
}

export async function functionPlace(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<FunctionPlace> {
  const { endpoint } = await realEngine();
  const folder = await temporaryFolder();
  await folder.write(files);
  const running = new Set<Running>();
  return {
    path: folder.path,
    write: (more) => folder.write(more),
    start: (args, options = {}) => {
      const command = startCli([...args, '--toolchain', 'debian'], {
        cwd: folder.path,
        ...options,
        env: { DOCKER_HOST: endpoint, ...options.env },
      });
      running.add(command);
      return command;
    },
    [Symbol.asyncDispose]: async () => {
      for (const command of running) if (!command.isOver()) command.kill('SIGTERM');
      for (const command of running) await command.ended;
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Waits for the first line of stdout: `serve` is ready then. Rejects with what was said if the command ends without one. */
export async function firstLineOf(running: Running): Promise<string> {
  while (!running.stdout().includes('\n')) {
    if (running.isOver()) throw new Error(running.stderr());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return running.stdout().split('\n')[0] ?? '';
}
