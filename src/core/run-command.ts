import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { errorCodeOf } from './file-system.js';

/** How a program of the host ended. */
export interface CommandResult {
  readonly ok: boolean;
  /** 128 + n for signal n; 127 when the program cannot be started. */
  readonly status: number;
  /** Why it is not ok: `apt-get ended with exit code 100`; empty when it is. */
  readonly reason: string;
  /** Empty when `onStdout` took it. */
  readonly stdout: string;
  /** The last 64 KiB of it. */
  readonly stderr: string;
  /** The last lines of stderr that are not empty. */
  readonly lastLines: readonly string[];
}

export interface CommandOptions {
  /** Nothing else of this process's environment is passed on; PATH and LC_ALL have defaults. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly cwd?: string | undefined;
  /** After so many milliseconds it is killed. */
  readonly limitMs?: number | undefined;
  /** Each line that it prints on stderr. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Takes stdout as a stream. What it rejects with ends the program and is thrown. */
  readonly onStdout?: ((stdout: Readable) => Promise<void>) | undefined;
}

const KEPT_LINES = 15;
const KEPT_CHARACTERS = 64 * 1024;
/** What ignores SIGTERM for so long is killed. */
const KILL_AFTER_MS = 5_000;

/**
 * Runs a program of the host to its end, in a process group of its own, which is ended as a whole when the
 * signal is aborted or the time is up. A program that fails or cannot be started is a result, not an error;
 * an abort rejects with the signal's reason, once the program is gone.
 */
export async function runCommand(
  command: readonly [string, ...string[]],
  options: CommandOptions,
): Promise<CommandResult> {
  const { signal, onStdout, onLine, limitMs } = options;
  signal.throwIfAborted();
  const [program, ...args] = command;
  const child = spawn(program, args, {
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own also means that a Ctrl-C at the terminal reaches it through this process only.
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const send = (name: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // It ended at this very moment.
    }
  };
  let harder: NodeJS.Timeout | undefined;
  const end = (): void => {
    send('SIGTERM');
    harder ??= setTimeout(send, KILL_AFTER_MS, 'SIGKILL');
  };
  const late = { is: false };
  const limit =
    limitMs === undefined
      ? undefined
      : setTimeout(() => {
          late.is = true;
          send('SIGKILL');
        }, limitMs);
  signal.addEventListener('abort', end);

  const lastLines: string[] = [];
  const take = (line: string): void => {
    if (line.trim() === '') return;
    lastLines.push(line);
    if (lastLines.length > KEPT_LINES) lastLines.shift();
    onLine?.(line);
  };
  let stderr = '';
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr = (stderr + chunk).slice(-KEPT_CHARACTERS);
    const lines = (rest + chunk).split(/[\r\n]+/);
    rest = lines.pop() ?? '';
    lines.forEach(take);
  });
  const ended = new Promise<{ readonly status: number; readonly reason: string }>((resolve) => {
    child.once('error', (error) => {
      resolve({ status: 127, reason: startReason(program, error) });
    });
    child.once('close', (code: number | null, by: NodeJS.Signals | null) => {
      const status = code ?? 128 + (by === null ? 0 : constants.signals[by]);
      resolve({ status, reason: status === 0 ? '' : `${program} ended with ${by ?? `exit code ${status}`}` });
    });
  });
  try {
    let stdout = '';
    try {
      if (onStdout === undefined) stdout = (await buffer(child.stdout)).toString('utf8');
      else await onStdout(child.stdout);
    } catch (error) {
      end();
      await ended;
      signal.throwIfAborted();
      throw error;
    }
    const { status, reason } = await ended;
    signal.throwIfAborted();
    take(rest);
    if (status === 127 && lastLines.length === 0) lastLines.push(reason);
    const why = late.is ? `${program} took longer than ${(limitMs ?? 0) / 1000} s` : reason;
    return { ok: status === 0, status, reason: why, stdout, stderr, lastLines };
  } finally {
    signal.removeEventListener('abort', end);
    clearTimeout(harder);
    clearTimeout(limit);
  }
}

function startReason(program: string, error: Error): string {
  return errorCodeOf(error) === 'ENOENT'
    ? `there is no ${program} here`
    : `${program} cannot be started: ${error.message}`;
}
