import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { isGone, processIdentity } from '../../../src/core/process-identity.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const [scope = '', pid = '', start = ''] = processIdentity().split('-');

/** The start time of a process as the kernel counts it, for a program whose name has no spaces. */
function startOf(process: number): string {
  return readFileSync(`/proc/${process}/stat`, 'utf8').split(' ')[21] ?? '';
}

test('a process has one identity: scope, pid and start', () => {
  expect(processIdentity()).toMatch(/^[0-9a-f]{12}-\d+-\d+$/);
  expect(pid).toBe(String(process.pid));
  expect(processIdentity()).toBe(processIdentity());
});

test('a process that lives is not gone, whatever follows its identity', () => {
  expect(isGone(processIdentity())).toBe(false);
  expect(isGone(`${processIdentity()}-0123456789ab`)).toBe(false);
});

test('a process that ended is gone', () => {
  const { pid: ended } = spawnSync('true');
  expect(isGone(`${scope}-${ended}-${start}`)).toBe(true);
});

test('another process of the same machine is told apart from one that had its pid before', async () => {
  const child = spawn('sleep', ['60']);
  const childPid = child.pid ?? 0;
  const childStart = startOf(childPid);
  try {
    expect(isGone(`${scope}-${childPid}-${childStart}`)).toBe(false);
    expect(isGone(`${scope}-${childPid}-${Number(childStart) - 1}`)).toBe(true);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  expect(isGone(`${scope}-${childPid}-${childStart}`)).toBe(true);
});

test('a process that ended and that nobody has waited for is gone', async () => {
  // What bash becomes has never heard of the child, so it stays a zombie.
  const parent = spawn('bash', ['-c', 'sleep 0.05 & echo $!; exec sleep 60']);
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const zombie = Number(line.toString());
  try {
    const zombieStart = startOf(zombie);
    await vi.waitFor(() => {
      expect(readFileSync(`/proc/${zombie}/stat`, 'utf8')).toContain(') Z ');
    });
    expect(isGone(`${scope}-${zombie}-${zombieStart}`)).toBe(true);
  } finally {
    parent.kill('SIGKILL');
  }
});

test('a program whose name has spaces and parentheses has its start too', async () => {
  await using folder = await temporaryFolder();
  const program = join(folder.path, 'a b) c');
  await copyFile('/bin/sleep', program);
  const child = spawn(program, ['60']);
  await once(child, 'spawn');
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const childStart = stat.slice(stat.lastIndexOf(')')).split(' ')[20];
  try {
    expect(stat).toContain('(a b) c)');
    expect(isGone(`${scope}-${child.pid}-${childStart}`)).toBe(false);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
});

test('what another machine or namespace left is never called gone', () => {
  expect(isGone(`000000000000-${pid}-${start}`)).toBe(false);
  expect(isGone('000000000000-999999999-1')).toBe(false);
});

test.each([
  '',
  'x',
  scope,
  `${scope}-`,
  `${scope}-${pid}`,
  `${scope}-abc-1`,
  `${scope}--1-1`,
  `${scope}-0-1`,
  `${scope}-1.5-1`,
])('%j is no identity, so nothing is gone', (text) => {
  expect(isGone(text)).toBe(false);
});
