import { expect, test } from 'vitest';
import { JobPool } from '../../../src/stage/job-pool.js';

test('stages that can start together share the jobs evenly', () => {
  const pool = new JobPool(8);
  const leases = [pool.lease(3), pool.lease(2), pool.lease(1)];
  expect(leases.map(({ jobs }) => jobs)).toEqual([2, 3, 3]);
  expect(pool.free).toBe(0);
});

test('a stage alone gets all', () => {
  const pool = new JobPool(4);
  expect(pool.lease(1).jobs).toBe(4);
});

test('with more stages than jobs each has one', () => {
  const pool = new JobPool(2);
  expect([pool.lease(5).jobs, pool.lease(4).jobs]).toEqual([1, 1]);
  expect(pool.free).toBe(0);
});

test('jobs that come free go to those that run, to those with fewest first, and each is told', () => {
  const pool = new JobPool(8);
  const first = pool.lease(4);
  const second = pool.lease(2);
  const third = pool.lease(1);
  const told = { first: 0, third: 0 };
  first.onMore(() => (told.first += 1));
  third.onMore(() => (told.third += 1));
  expect([first.jobs, second.jobs, third.jobs]).toEqual([2, 3, 3]);

  second.release();
  expect(pool.free).toBe(3);
  pool.spread();
  expect([first.jobs, third.jobs]).toEqual([4, 4]);
  expect(told).toEqual({ first: 2, third: 1 });
  expect(pool.free).toBe(0);
});

test('what a stage was given while it ran comes back with its end', () => {
  const pool = new JobPool(4);
  const [one, two] = [pool.lease(2), pool.lease(1)];
  one.release();
  pool.spread();
  expect(two.jobs).toBe(4);
  two.release();
  expect(pool.free).toBe(4);
});

test('releasing twice gives back once', () => {
  const pool = new JobPool(2);
  const [one] = [pool.lease(2), pool.lease(1)];
  one.release();
  one.release();
  expect(pool.free).toBe(1);
});

test('free jobs stay free while nothing runs', () => {
  const pool = new JobPool(3);
  pool.spread();
  expect(pool.free).toBe(3);
});

test('whatever stages come and go, never more jobs are out than there are', () => {
  const total = 5;
  const pool = new JobPool(total);
  const running: ReturnType<JobPool['lease']>[] = [];
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let round = 0; round < 2_000; round++) {
    if (pool.free > 0 && random(2) === 0) running.push(pool.lease(1 + random(4)));
    else if (running.length > 0) running.splice(random(running.length), 1)[0]?.release();
    if (random(3) === 0) pool.spread();
    const out = running.reduce((sum, { jobs }) => sum + jobs, 0);
    expect(out + pool.free).toBe(total);
    expect(pool.free).toBeGreaterThanOrEqual(0);
    expect(running.every(({ jobs }) => jobs >= 1)).toBe(true);
  }
});
