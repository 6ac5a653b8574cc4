import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bootstrap, Case } from './case.js';
import { LIFECYCLE_CASES } from './cases-lifecycle.js';
import { LUA_CASES } from './cases-lua.js';
import { PHP_CASES } from './cases-php.js';
import { PROTOCOL_CASES } from './cases-protocol.js';
import { WEB_CASES } from './cases-web.js';
import { openCourt, type Court } from './judged.js';
import { openBook } from './difference-book.js';
import { KNOWN_DIFFERENCES } from './known-differences.js';
import { differencesBetween } from './outcome.js';

const CASES: readonly Case[] = [
  ...PROTOCOL_CASES,
  ...LIFECYCLE_CASES,
  ...PHP_CASES,
  ...WEB_CASES,
  ...LUA_CASES,
];
const BOOTSTRAPS: readonly Bootstrap[] = ['c', 'php/8.4', 'php/7.4', 'lua/5.4', 'lua/5.4 on arm64'];
const TITLES: Readonly<Record<Bootstrap, string>> = {
  c: 'a client that',
  'php/8.4': 'a PHP 8.4 function that',
  'php/7.4': 'a PHP 7.4 function that',
  'lua/5.4': 'a Lua function that',
  'lua/5.4 on arm64': 'a Lua function for arm64 that',
};

const book = openBook(KNOWN_DIFFERENCES);
let court: Court | undefined;

beforeAll(async () => {
  court = await openCourt(BOOTSTRAPS);
});

afterAll(async () => {
  await court?.[Symbol.asyncDispose]();
});

describe.each(BOOTSTRAPS)('on both emulators: %s', (bootstrap) => {
  const cases = CASES.filter((given) => given.bootstrap === bootstrap);
  it.concurrent.each(cases)(`${TITLES[bootstrap]} $name`, async (given) => {
    if (court === undefined) throw new Error('there is no court');
    const [ours, rie] = await Promise.all([court.onOurs(given), court.onRie(given)]);
    expect(ours.answers).toHaveLength(given.events.length);
    expect(book.unknown(given.name, differencesBetween({ ours, rie }))).toEqual([]);
  });
});

describe('the table of known differences', () => {
  it('has no difference that is no longer there', () => {
    expect(book.unseen()).toEqual([]);
  });

  it('names no case that there is not', () => {
    const names = new Set(CASES.map(({ name }) => name));
    const unknown = KNOWN_DIFFERENCES.flatMap(({ cases }) => (cases === 'every' ? [] : cases)).filter(
      (name) => !names.has(name),
    );
    expect(unknown).toEqual([]);
  });
});
