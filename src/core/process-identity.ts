import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { sha256 } from './digest.js';
import { errorCodeOf } from './file-system.js';

/**
 * A name for this process that no other has, on any machine: `SCOPE-PID-START`. It marks what a run owns
 * (containers, temporary files), so that a later run can tell what a killed one left behind.
 */
export function processIdentity(): string {
  return `${scope()}-${process.pid}-${startTimeOf(process.pid) ?? '0'}`;
}

/**
 * Is the process of that identity certainly gone (a zombie, which nobody has waited for, is)? False when it lives, when it belongs to another machine
 * or process namespace (which cannot be seen from here), and for text that is no identity.
 */
export function isGone(identity: string): boolean {
  const [itsScope, pidText, start] = identity.split('-');
  const pid = Number(pidText);
  if (itsScope !== scope() || !Number.isInteger(pid) || pid <= 0 || start === undefined) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errorCodeOf(error) === 'ESRCH';
  }
  // A pid is reused: the same process has the same start time.
  return (startTimeOf(pid) ?? '0') !== start || fieldsOf(pid)[STATE] === 'Z';
}

/** Processes of one scope see each other's pids: the machine since its boot, and the pid namespace. */
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

/** In clock ticks since boot; undefined where there is no /proc. */
function startTimeOf(pid: number): string | undefined {
  return fieldsOf(pid)[START];
}

const STATE = 0;
const START = 19;

/** The fields of /proc/PID/stat from the state on; none where there is no /proc. */
function fieldsOf(pid: number): readonly string[] {
  const stat = readOr(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
