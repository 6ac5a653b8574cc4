import { does, functionFile, type Case } from './case.js';

const MIB = 1024 * 1024;
const RESULTS = { 'src/results.lua': functionFile('results.lua') };

/** The Lua bootstrap speaks the same protocol. */
export const LUA_CASES: readonly Case[] = [
  {
    name: 'gives results of every kind',
    handler: 'results',
    events: does(
      ...['string', 'unicode', 'binary', 'empty string', 'nothing', 'bad utf-8', 'function'],
      { do: 'long', length: 6 * MIB },
      { do: 'long', length: 6 * MIB + 101 },
      'print',
    ),
    timeoutSeconds: 10,
  },
  {
    name: 'throws, and goes on',
    handler: 'results',
    events: does('throw', 'throw a table', 'nothing'),
  },
  {
    name: 'gets events of every kind',
    handler: 'results',
    events: [
      { body: '12' },
      { body: '{not json' },
      { body: Buffer.from([0x00, 0xff]) },
      { body: `${'['.repeat(50_000)}${']'.repeat(50_000)}` },
      { body: '{"a":"\\u0000\\r\\n"}' },
    ],
  },
  {
    name: 'dies of many things, and works again',
    handler: 'results',
    events: does('exit', 'string'),
  },
  {
    name: 'takes too long, and works again',
    handler: 'results',
    events: does('sleep', 'string'),
    timeoutSeconds: 1,
  },
  { name: 'has no file of its name', handler: 'missing', events: [{ body: '{}' }] },
].flatMap((given): Case[] =>
  (['lua/5.4', 'lua/5.4 on arm64'] as const).map((bootstrap) => ({ ...given, bootstrap, files: RESULTS })),
);
