import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { sha256 } from './digest.js';
import { errorCodeOf } from './file-system.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Returns a globally unique name for this process: `SCOPE-PID-START`. A run marks its containers and temporary files with
 * it, so that a later run can find what a killed run left behind.
 */
export function processIdentity(): string {
  return `${scope()}-${process.pid}-${startTimeOf(process.pid) ?? '0'}`;
}

/**
 * Reports whether the process with an identity has certainly ended; a zombie has. Returns false for a process that is
 * alive, for one on another machine or in another pid namespace, which is not visible from here, and for text that is not
 * an identity.
 */
export function isGone(identity: string): boolean {
  return stateOf(identity) === 'gone';
}

/**
 * Reports whether what a process made at some time may be removed: its process has ended, or is not visible from here and
 * made it more than a day ago. What a live process made stays, however old it is.
 */
export function isLeftBehind(identity: string, madeAtMs: number): boolean {
  const state = stateOf(identity);
  return state === 'gone' || (state === 'unknown' && Date.now() - madeAtMs > DAY_MS);
}

function stateOf(identity: string): 'alive' | 'gone' | 'unknown' {
  const [itsScope, pidText, start] = identity.split('-');
  const pid = Number(pidText);
  if (itsScope !== scope() || !Number.isInteger(pid) || pid <= 0 || start === undefined) return 'unknown';
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errorCodeOf(error) === 'ESRCH' ? 'gone' : 'alive';
  }
  // Pids are reused: it is the same process only if the start time is the same.
  const ended = (startTimeOf(pid) ?? '0') !== start || fieldsOf(pid)[STATE] === 'Z';
  return ended ? 'gone' : 'alive';
}

/** Names the machine, its boot and the pid namespace: processes in one scope see each other's pids. */
function scope(): string {
  return sha256(
    [hostname(), readOr('/proc/sys/kernel/random/boot_id'), linkOr('/proc/self/ns/pid')].join('\n'),
  ).slice(0, 12);
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function linkOr(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Returns the start time in clock ticks since boot, or undefined without /proc. */
function startTimeOf(pid: number): string | undefined {
  return fieldsOf(pid)[START];
}

const STATE = 0;
const START = 19;

/** Returns the fields of /proc/PID/stat, starting with the state. Returns none without /proc. */
function fieldsOf(pid: number): readonly string[] {
  const stat = readOr(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, and may itself contain spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
