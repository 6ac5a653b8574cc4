import { describe, expect, test } from 'vitest';
import { duration, parseAge, parseSize, size } from '../../../src/cli/words.js';

describe('a duration', () => {
  test.each([
    [0, '0.0 s'],
    [12.34, '12.3 s'],
    [59.94, '59.9 s'],
    [59.96, '1 min 00 s'],
    [60, '1 min 00 s'],
    [245, '4 min 05 s'],
    [3599.7, '60 min 00 s'],
  ])('of %d seconds is %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe('a size', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KB'],
    [9_541_234, '9.5 MB'],
    [999_949, '999.9 KB'],
    [999_950, '1.0 MB'],
    [5e9, '5.0 GB'],
    [2.5e15, '2500.0 TB'],
  ])('of %d bytes is %s', (bytes, text) => {
    expect(size(bytes)).toBe(text);
  });
});

describe('a size that is written', () => {
  test.each([
    ['0', 0],
    ['100000', 100_000],
    ['500M', 500e6],
    ['5G', 5e9],
    ['5 GB', 5e9],
    ['1.5k', 1500],
    [' 2T ', 2e12],
    ['10B', 10],
  ])('as %j is understood', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', 'big', '-5G', '5X', '5GiB', '1.2.3G', '5G5'])('as %j is not', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });
});

describe('an age that is written', () => {
  const hour = 60 * 60 * 1000;
  test.each([
    ['12h', 12 * hour],
    ['30d', 30 * 24 * hour],
    ['4w', 4 * 7 * 24 * hour],
    ['0d', 0],
    ['2 D', 48 * hour],
  ])('as %j is understood', (text, ms) => {
    expect(parseAge(text)).toBe(ms);
  });

  test.each(['', '30', 'd', '1.5d', '-1d', '3m', '1d2h'])('as %j is not', (text) => {
    expect(parseAge(text)).toBeUndefined();
  });
});
