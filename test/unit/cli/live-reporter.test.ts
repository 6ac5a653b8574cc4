import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { liveReporter } from '../../../src/cli/live-reporter.js';
import type { Reporter } from '../../../src/core/reporter.js';

/** A terminal that keeps its screen: enough of one for what the view writes. */
class Terminal extends PassThrough {
  readonly isTTY = true;
  readonly rows = 24;
  columns = 60;
  written = '';

  override write(chunk: unknown): boolean {
    this.written += String(chunk);
    return true;
  }

  /** What stands on the screen, as far as the view's own sequences go: cursor up, line start, erase. */
  screen(): string[] {
    const lines = [''];
    let [row, column] = [0, 0];
    const upTo = (): string => (lines[row] ?? '').slice(0, column);
    // eslint-disable-next-line no-control-regex -- a terminal's sequences begin with a control character
    const tokens = this.written.matchAll(/\u001b\[\??(\d*)([A-Za-z])|\n|[^\u001b\n]+/g);
    for (const [token, count = '', command] of tokens) {
      if (token === '\n') [row, column] = [row + 1, 0];
      else if (command === 'A') row = Math.max(0, row - Number(count || 1));
      else if (command === 'G') column = 0;
      else if (command === 'K') lines[row] = count === '2' ? '' : upTo();
      else if (command === 'J') lines.splice(row, Infinity, upTo());
      else if (command === undefined) {
        lines[row] = upTo() + token;
        column += token.length;
      }
      while (lines.length <= row) lines.push('');
    }
    return lines.map((line) => line.trimEnd()).filter((line) => line !== '');
  }
}

let terminal: Terminal;
let reporter: Reporter;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  terminal = new Terminal();
  reporter = liveReporter({ terminal: terminal as unknown as NodeJS.WriteStream, now: Date.now });
});

afterEach(() => {
  reporter.close();
  vi.useRealTimers();
});

test('the stages that run are drawn with what they do, their time, and how long it took last time', () => {
  const php = reporter.activity('php/8.4', 390);
  reporter.activity('zlib/1.3', undefined);
  php.doing('checking\tfor gcc... yes');
  vi.advanceTimersByTime(3000);
  expect(terminal.screen()).toEqual([
    '• php/8.4            3.0 s of about 6 min 30 s  checking fo',
    '• zlib/1.3           3.0 s',
  ]);
});

test('a line is never wider than the terminal, so that it never wraps', () => {
  reporter.activity('php/8.4', undefined).doing('x'.repeat(500));
  terminal.columns = 40;
  vi.advanceTimersByTime(1000);
  expect(terminal.screen().join('')).toContain('xxx');
  for (const line of terminal.screen()) expect(line.length).toBeLessThan(40);
});

test('a stage that ends leaves its line above those that run', () => {
  const one = reporter.activity('zlib/1.3', undefined);
  reporter.activity('php/8.4', undefined).doing('configure');
  vi.advanceTimersByTime(2000);
  one.finished('built');
  vi.advanceTimersByTime(1000);
  expect(terminal.screen()).toEqual(['✔ zlib/1.3           2.0 s', '• php/8.4            3.0 s  configure']);
});

test('how a stage ended is seen: built, in the store, failed', () => {
  const stages = ['a/1', 'b/1', 'c/1'].map((name) => reporter.activity(name, undefined));
  vi.advanceTimersByTime(1000);
  stages[0]?.finished('built');
  stages[1]?.finished('reused');
  stages[2]?.failed();
  expect(terminal.screen()).toEqual([
    '✔ a/1                1.0 s',
    '✔ b/1                in the store',
    '✘ c/1                failed after 1.0 s',
  ]);
});

test('news and warnings scroll up above the stages', () => {
  reporter.activity('php/8.4', undefined).doing('make');
  vi.advanceTimersByTime(1000);
  reporter.info('fetched php.tar.xz');
  reporter.warn('openssl is old');
  expect(terminal.screen()).toEqual([
    'fetched php.tar.xz',
    'warning: openssl is old',
    '• php/8.4            1.0 s  make',
  ]);
});

test('closing takes the view away, and draws no more', () => {
  const stage = reporter.activity('php/8.4', undefined);
  vi.advanceTimersByTime(1000);
  reporter.close();
  const written = terminal.written;
  stage.doing('more');
  vi.advanceTimersByTime(10_000);
  expect(terminal.written).toBe(written);
  expect(terminal.screen()).toEqual([]);
});

test('when nothing runs nothing is drawn again and again', () => {
  reporter.activity('php/8.4', undefined).finished('built');
  const written = terminal.written;
  vi.advanceTimersByTime(10_000);
  expect(terminal.written).toBe(written);
  expect(stripVTControlCharacters(written)).toContain('✔ php/8.4');
});
