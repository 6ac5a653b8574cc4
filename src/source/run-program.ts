import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { errorCodeOf } from '../core/file-system.js';

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** After this the program is killed. */
  readonly limitMs: number;
  /** Takes stdout; without it stdout is not read at all. */
  readonly onStdout?: ((stdout: Readable) => Promise<void>) | undefined;
}

/** How a program ended. */
export type Ended =
  | { readonly ok: true; readonly stderr: string }
  | { readonly ok: false; readonly stderr: string; readonly reason: string };

const STDERR_KEPT = 64 * 1024;

/**
 * Runs a program to its end, in a process group of its own, which is killed as a whole on abort and after the
 * time limit. A program that fails or cannot be started is a result, not an error; an abort rejects with the
 * signal's reason, once the program is gone.
 */
export async function runProgram(program: Program): Promise<Ended> {
  const { command, signal, onStdout, limitMs } = program;
  signal.throwIfAborted();
  const child = spawn(command, program.args, {
    cwd: program.cwd,
    env: program.env,
    detached: true,
    stdio: ['ignore', onStdout === undefined ? 'ignore' : 'pipe', 'pipe'],
  });
  const kill = (): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  };
  const state = { late: false };
  const timer = setTimeout(() => {
    state.late = true;
    kill();
  }, limitMs);
  signal.addEventListener('abort', kill, { once: true });

  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT);
  });
  try {
    const ended = new Promise<{ startError?: Error; code?: number | null; by?: NodeJS.Signals | null }>(
      (resolve) => {
        child.on('error', (startError) => {
          resolve({ startError });
        });
        child.on('close', (code, by) => {
          resolve({ code, by });
        });
      },
    );
    if (onStdout !== undefined && child.stdout !== null) {
      try {
        await onStdout(child.stdout);
      } catch (error) {
        kill();
        await ended;
        signal.throwIfAborted();
        throw error;
      }
    }
    const { startError, code, by } = await ended;
    signal.throwIfAborted();
    if (startError !== undefined) return { ok: false, stderr, reason: startReason(command, startError) };
    if (state.late) return { ok: false, stderr, reason: `${command} took longer than ${limitMs / 1000} s` };
    if (code === 0) return { ok: true, stderr };
    return { ok: false, stderr, reason: `${command} ended with ${by ?? `exit code ${String(code)}`}` };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', kill);
  }
}

function startReason(command: string, error: Error): string {
  return errorCodeOf(error) === 'ENOENT'
    ? `there is no ${command} here`
    : `${command} cannot be started: ${error.message}`;
}
