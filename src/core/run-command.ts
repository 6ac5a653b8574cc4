import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { errorCodeOf } from './file-system.js';

/** How a program on the host ended. */
export interface CommandResult {
  readonly ok: boolean;
  /** The exit code; 128 + n for signal n; 127 if the program cannot be started. */
  readonly status: number;
  /** Why it failed: `apt-get ended with exit code 100`. Empty on success. */
  readonly reason: string;
  /** Empty if `onStdout` received it. */
  readonly stdout: string;
  /** The last 64 KiB. */
  readonly stderr: string;
  /** The last non-empty lines of stderr. */
  readonly lastLines: readonly string[];
}

/** The environment of a program on the host, its limits, and who receives its output. */
export interface CommandOptions {
  /** The program's environment. Nothing is inherited from this process; PATH and LC_ALL have defaults. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly cwd?: string | undefined;
  /** What the program reads on stdin; nothing by default. */
  readonly input?: string | undefined;
  /** The program is killed after this many milliseconds. */
  readonly limitMs?: number | undefined;
  /** Receives each line of stderr. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Receives stdout as a stream. If it rejects, the program is stopped and the error is thrown. */
  readonly onStdout?: ((stdout: Readable) => Promise<void>) | undefined;
}

const KEPT_LINES = 15;
const KEPT_CHARACTERS = 64 * 1024;
/** A program that ignores SIGTERM for this long is killed. */
const KILL_AFTER_MS = 5_000;

/**
 * Runs a program on the host to its end, in its own process group. The whole group is stopped when the signal is aborted
 * or the time is up. A program that fails or cannot be started is a result, not an error. An abort rejects with the
 * signal's reason once the program has ended.
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
    stdio: ['pipe', 'pipe', 'pipe'],
    // In its own group, it does not receive a Ctrl-C at the terminal: this process passes it on.
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  // The program may end without reading it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  const send = (name: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // It has just ended.
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
    ? `${program} is not installed`
    : `cannot start ${program}: ${error.message}`;
}
