import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The folder of layersmith itself. */
export const packageRoot = join(import.meta.dirname, '..', '..');

/** The command line under test, as `npm run build` makes it. */
export const CLI = join(packageRoot, 'build', 'cli', 'main.js');

/** How a command line ended. */
export interface Ended {
  readonly pid: number;
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line that runs. */
export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  isOver(): boolean;
  /** What has come so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when stderr has the text; rejects when the command ends without it. */
  says(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Stops reading its stdout, as `| head` does. */
  stopReading(): void;
}

export interface RunOptions {
  readonly cwd: string;
  /** On top of this process's environment; undefined takes a variable away. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Octal, as the shell's `umask` takes it. */
  readonly umask?: string;
  /** Runs as this uid, who owns nothing but may read everything, wherever the checkout is. Wants root. */
  readonly user?: number;
  /** What it reads on stdin; nothing by default. */
  readonly input?: string | Uint8Array;
}

/** Starts `layersmith ARGS` as a process of its own. */
export function startCli(
  args: readonly string[],
  { cwd, env, umask, user, input = '' }: RunOptions,
): Running {
  const command = [process.execPath, CLI, ...args];
  const [program = '', ...rest] = [
    ...(umask === undefined ? [] : ['/bin/sh', '-c', `umask ${umask}; exec "$@"`, 'sh']),
    ...(user === undefined ? [] : asUser(user)),
    ...command,
  ];
  const child: ChildProcessWithoutNullStreams = spawn(program, rest, {
    cwd,
    env: { ...process.env, ...env },
  });
  // It may end without having read all of it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  let stdout = '';
  let stderr = '';
  let isOver = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const pid = child.pid ?? 0;
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      isOver = true;
      resolve({ pid, exitCode: code ?? undefined, stdout, stderr });
    });
  });
  return {
    pid,
    ended,
    isOver: () => isOver,
    stdout: () => stdout,
    stderr: () => stderr,
    async says(text) {
      while (!stderr.includes(text)) {
        if (isOver) throw new Error(`it ended without saying ${JSON.stringify(text)}:\n${stderr}`);
        await sleep(20);
      }
    },
    kill: (signal) => child.kill(signal),
    stopReading: () => child.stdout.destroy(),
  };
}

/** `setpriv` of util-linux, before a command. */
function asUser(uid: number): readonly string[] {
  const capabilities = '+dac_override,+dac_read_search';
  return [
    ...['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'],
    ...[`--inh-caps=${capabilities}`, `--ambient-caps=${capabilities}`],
  ];
}
