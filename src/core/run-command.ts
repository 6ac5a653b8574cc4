import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';

/** How a program of the host ended: its status, what it printed, and the last lines of its stderr. */
export interface CommandResult {
  /** 128 + n for signal n; 127 when the program does not exist. */
  readonly status: number;
  readonly stdout: string;
  readonly lastLines: readonly string[];
}

const KEPT_LINES = 15;
/** What ignores SIGTERM for so long is killed. */
const KILL_AFTER_MS = 5_000;

/**
 * Runs a program of the host to its end, with nothing of this process's environment but what is given.
 * An aborted signal ends it and rejects with the signal's reason. Never rejects because of its status.
 */
export async function runCommand(
  command: readonly [string, ...string[]],
  options: {
    readonly env: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
    readonly cwd?: string;
    /** Each line that it prints on stderr. */
    readonly onLine?: (line: string) => void;
  },
): Promise<CommandResult> {
  options.signal.throwIfAborted();
  const [program, ...args] = command;
  const child = spawn(program, args, {
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that a Ctrl-C at the terminal reaches it through this process only.
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
  const kill = (): void => {
    send('SIGTERM');
    harder = setTimeout(send, KILL_AFTER_MS, 'SIGKILL');
  };
  options.signal.addEventListener('abort', kill);
  const stdout: Buffer[] = [];
  const lastLines: string[] = [];
  let rest = '';
  const take = (line: string): void => {
    if (line.trim() === '') return;
    lastLines.push(line);
    if (lastLines.length > KEPT_LINES) lastLines.shift();
    options.onLine?.(line);
  };
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split(/[\r\n]+/);
    rest = lines.pop() ?? '';
    lines.forEach(take);
  });
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    options.signal.throwIfAborted();
    take(rest);
    const status = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    return { status, stdout: Buffer.concat(stdout).toString('utf8'), lastLines };
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return { status: 127, stdout: '', lastLines: [`${program}: not found`] };
    }
    throw error;
  } finally {
    options.signal.removeEventListener('abort', kill);
    clearTimeout(harder);
  }
}
