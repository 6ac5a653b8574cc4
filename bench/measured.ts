import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';

/** The result of a program that has ended. */
export interface Run {
  readonly seconds: number;
  /** Peak resident memory of the process itself, in MB. */
  readonly peakMb: number;
  readonly stdout: string;
}

/** Runs a program to its end and measures its peak memory (Linux: VmHWM). Throws if the program fails. */
export async function measured(command: string, args: readonly string[], cwd?: string): Promise<Run> {
  const started = performance.now();
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CI: 'true' },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  let peakMb = 0;
  const watch = setInterval(() => {
    readFile(`/proc/${child.pid ?? 0}/status`, 'utf8').then(
      (status) => {
        peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000);
      },
      () => undefined,
    );
  }, 20);
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(watch);
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with status ${String(status)}:\n${stderr}`);
  return { seconds: (performance.now() - started) / 1000, peakMb, stdout };
}
