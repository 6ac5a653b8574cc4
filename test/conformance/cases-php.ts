import { does, functionFile, type Case } from './case.js';

const MIB = 1024 * 1024;
const RESULTS = { 'src/results.php': functionFile('results.php') };
const CONTEXT = { 'src/context.php': functionFile('context.php') };
const STREAM = { 'src/stream.php': functionFile('stream.php') };

type PhpCase = Omit<Case, 'bootstrap'>;

const CASES: readonly PhpCase[] = [
  {
    name: 'gives results of every kind',
    handler: 'results',
    files: RESULTS,
    events: does(
      ...['string', 'unicode', 'binary', 'empty string', 'empty list', 'null', 'bool', 'float', 'object'],
      ...['bad utf-8', 'infinite', 'recursion', 'count'],
    ),
  },
  {
    name: 'gives long results',
    handler: 'results',
    files: RESULTS,
    events: does(
      { do: 'long', length: 6 * MIB },
      { do: 'long', length: 6 * MIB + 100 },
      { do: 'long', length: 6 * MIB + 101 },
      { do: 'long list', length: 100_000 },
      'count',
    ),
    timeoutSeconds: 10,
  },
  {
    name: 'throws, and goes on',
    handler: 'results',
    files: RESULTS,
    events: does('throw', 'type error', 'header-like error', 'count'),
  },
  {
    name: 'prints',
    handler: 'results',
    files: RESULTS,
    events: does('print', 'count'),
  },
  {
    name: 'gets events of every kind',
    handler: 'results',
    files: RESULTS,
    events: [
      { body: 'null' },
      { body: '"text"' },
      { body: '12345678901234567890' },
      { body: '{"a":{"b":[]}}' },
      { body: '{not json' },
      { body: Buffer.from('{"a":"\u0000"}') },
      { body: Buffer.from([0xff, 0xfe, 0x00]) },
      { body: '\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n' },
      { body: '{"Lambda-Runtime-Aws-Request-Id":"x\\r\\n\\r\\n"}' },
      { body: `${'['.repeat(400)}${']'.repeat(400)}` },
      { body: `${'['.repeat(100_000)}${']'.repeat(100_000)}` },
      { body: JSON.stringify({ do: 'length', text: 'e'.repeat(6 * MIB - 30) }) },
      { body: '{"do":"count"}' },
    ],
    timeoutSeconds: 10,
  },
  {
    name: 'knows its context',
    handler: 'context',
    files: CONTEXT,
    env: { MINE: 'a variable of its own' },
    events: [
      {
        body: '{}',
        headers: {
          'X-Amz-Client-Context': Buffer.from('{"custom":{"k":"v"}}').toString('base64'),
          'X-Amz-Tenant-Id': 'tenant-1',
        },
      },
      { body: '{}' },
    ],
  },
  {
    name: 'knows its trace',
    handler: 'context',
    files: CONTEXT,
    events: [
      {
        body: '{"what":"trace"}',
        headers: { 'X-Amzn-Trace-Id': 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1' },
      },
    ],
  },
  {
    name: 'streams',
    handler: 'stream',
    files: STREAM,
    events: does('generator', 'empty', 'callable', 'http', 'nothing'),
  },
  {
    name: 'streams and fails',
    handler: 'stream',
    files: STREAM,
    events: does('fails at once', 'fails in the middle', 'nothing'),
  },
  {
    name: 'streams too much for a buffer',
    handler: 'stream',
    files: STREAM,
    events: does('too long', 'nothing'),
  },
  {
    name: 'dies of many things, and works again',
    handler: 'results',
    files: RESULTS,
    events: does('exit', 'count', 'fatal', 'count', 'memory', 'count', 'kill', 'count', 'count'),
  },
  {
    name: 'takes too long, and works again',
    handler: 'results',
    files: RESULTS,
    events: does({ do: 'sleep', seconds: 30 }, 'count'),
    timeoutSeconds: 1,
  },
  {
    name: 'has no file of its name',
    handler: 'missing',
    files: RESULTS,
    events: [{ body: '{}' }],
  },
  {
    name: 'has an error of syntax',
    handler: 'broken',
    files: { 'src/broken.php': '<?php function broken( {' },
    events: [{ body: '{}' }],
  },
  {
    name: 'has no function of its name',
    handler: 'results.other',
    files: RESULTS,
    events: [{ body: '{}' }],
  },
  {
    name: 'calls exit while it is loaded',
    handler: 'quits',
    files: { 'src/quits.php': '<?php exit(2);' },
    events: [{ body: '{}' }],
  },
];

/** The same functions on both lines of PHP that are tested. */
export const PHP_CASES: readonly Case[] = (['php/8.4', 'php/7.4'] as const).flatMap((bootstrap) =>
  CASES.map((given) => ({ ...given, bootstrap })),
);
