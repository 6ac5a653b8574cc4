import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { fakeIo } from '../../support/fake-io.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// What `invoke` and `serve` refuse before they look for an engine: here is none.

const GOOD = ['layer', '--function', 'app', '--handler', 'hello'];

async function layersmith(
  argv: readonly string[],
  input = '',
): Promise<{ exitCode: number; stderr: string }> {
  await using folder = await temporaryFolder();
  await folder.write({
    'layer/bootstrap': 'x',
    'app/src/hello.php': 'x',
    'text.txt': 'x',
    'bad.json': '[1,\n2',
  });
  const io = fakeIo(folder.path, { stdin: () => Readable.from([Buffer.from(input)]) });
  const exitCode = await run(argv, io);
  expect(io.stdout()).toBe('');
  return { exitCode, stderr: io.stderr().replaceAll(folder.path, 'HOME') };
}

test.each([
  ['no layer', ['invoke', '--function', 'app', '--handler', 'hello'], 'invoke needs a layer'],
  ['no function', ['invoke', 'layer', '--handler', 'hello'], 'invoke needs --function'],
  ['no handler', ['serve', 'layer', '--function', 'app'], 'serve needs --handler'],
  ['an empty handler', ['invoke', 'layer', '--function', 'app', '--handler='], '--handler is empty'],
  ['a layer that does not exist', ['invoke', 'none.zip', ...GOOD], 'the layer HOME/none.zip does not exist'],
  ['a layer that is a text file', ['serve', 'text.txt', ...GOOD], 'text.txt is neither a folder nor a zip'],
  [
    'a function that does not exist',
    ['invoke', 'layer', '--function', 'none', '--handler', 'x'],
    'the function HOME/none does not exist',
  ],
  [
    'too little memory',
    ['invoke', ...GOOD, '--memory', '64'],
    '--memory must be a whole number from 128 to 10240',
  ],
  [
    'too much memory',
    ['serve', ...GOOD, '--memory', '10241'],
    '--memory must be a whole number from 128 to 10240',
  ],
  [
    'a timeout of zero',
    ['invoke', ...GOOD, '--timeout', '0'],
    '--timeout must be a whole number from 1 to 900',
  ],
  [
    'a timeout that is too long',
    ['invoke', ...GOOD, '--timeout', '901'],
    '--timeout must be a whole number from 1 to 900',
  ],
  [
    'a timeout with a unit',
    ['invoke', ...GOOD, '--timeout', '3s'],
    '--timeout must be a whole number from 1 to 900',
  ],
  ['zero repetitions', ['invoke', ...GOOD, '--repeat', '0'], '--repeat must be a whole number from 1'],
  ['a variable without a value', ['invoke', ...GOOD, '--env', 'X'], "--env: 'X' lacks '=VALUE'"],
  ['a variable without a name', ['invoke', ...GOOD, '--env', '=1'], "--env: '=1' lacks"],
  ['an invalid port', ['serve', ...GOOD, '--port', '65536'], '--port must be a whole number from 0 to 65535'],
  [
    'an invalid port for HTTP',
    ['serve', ...GOOD, '--http', '65536'],
    '--http must be a whole number from 0 to 65535',
  ],
  ['assets without HTTP', ['serve', ...GOOD, '--assets', 'app'], '--assets is for --http'],
  [
    'assets that do not exist',
    ['serve', ...GOOD, '--http', '0', '--assets', 'none'],
    '--assets: HOME/none is not a folder',
  ],
  [
    'a request and an event',
    ['invoke', ...GOOD, '--http', '/', '--event', '{}'],
    '--http and --event do not go together',
  ],
  [
    'a request to a function on Lambda',
    ['invoke', '--remote', 'f', '--http', '/'],
    '--http invokes a local function',
  ],
  [
    'an event that is not JSON',
    ['invoke', ...GOOD, '--event', '{x}'],
    '--event:1:2 is not JSON: expected a name',
  ],
  [
    'an empty event',
    ['invoke', ...GOOD, '--event='],
    '--event:1:1 is not JSON: expected a value, but it ends',
  ],
  [
    'a file that is not JSON',
    ['invoke', ...GOOD, '--event', '@bad.json'],
    "bad.json:2:2 is not JSON: expected ',' or ']'",
  ],
  [
    'a file that does not exist',
    ['invoke', ...GOOD, '--event', '@none'],
    'cannot read the event none (ENOENT)',
  ],
  ['an empty stdin', ['invoke', ...GOOD, '--event', '-'], 'stdin:1:1 is not JSON'],
  [
    'a client context that is not JSON',
    ['invoke', ...GOOD, '--client-context', '{'],
    '--client-context:1:2 is not JSON',
  ],
])('%s is refused', async (_what, argv, message) => {
  const { exitCode, stderr } = await layersmith(argv);
  expect(exitCode).toBe(64);
  expect(stderr).toContain(`layersmith: `);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('    at ');
});

test('an event over 6 MiB is refused as Lambda does', async () => {
  const input = JSON.stringify('x'.repeat(6 * 1024 * 1024));
  const { exitCode, stderr } = await layersmith(['invoke', ...GOOD, '--event', '-'], input);
  expect(exitCode).toBe(64);
  expect(stderr).toMatch(/RequestTooLargeException: .*\bstdin\b.*\b6291456 bytes/);
});

test('valid flags lead to the search for an engine', async () => {
  const variables = ['--env', 'A=1', '--env', 'B=2=3', '--event', '-'];
  expect((await layersmith(['invoke', ...GOOD, ...variables], '{"a": 1}')).exitCode).toBe(69);
  expect((await layersmith(['serve', ...GOOD])).exitCode).toBe(69);
  expect((await layersmith(['serve', ...GOOD, '--http', '0', '--assets', 'app'])).exitCode).toBe(69);
  const request = ['--http', 'POST /', '--header', 'A: b', '--header', 'C: d', '--data', '-'];
  expect((await layersmith(['invoke', ...GOOD, ...request], 'a=1')).exitCode).toBe(69);
});
