import { randomUUID } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { fileEntry } from '../../../src/tree/tree-entry.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import type { Ended, Running, RunOptions } from '../../support/cli.js';
import { functionPlace, type FunctionPlace } from '../../support/function-cli.js';
import { containersOf, expectError } from '../../support/workplace.js';

// `layersmith invoke` as a user runs it, on the Lua layer.

const HELLO = `return function(event)
  if event.fail then error(event.fail) end
  if event.forever then while true do end end
  if event.log then print(event.log) end
  if event.echo then return event end
  if event.bytes then return '\\255\\0\\254' end
  return 'Hello ' .. tostring(event.name) .. (os.getenv('MARK') or '')
end
`;

let lua: BuiltLayer;
let place: FunctionPlace;

beforeAll(async () => {
  lua = await builtLayer('lua/5.4');
  place = await functionPlace({
    'app/src/hello.lua': HELLO,
    'event.json': '{"name": "from a file"}\n',
    'broken.json': '{"name": "x",\n  "list": [1, 2,]}\n',
  });
});

afterAll(async () => {
  await place[Symbol.asyncDispose]();
  await lua[Symbol.asyncDispose]();
});

function invoke(args: readonly string[], options: Partial<RunOptions> = {}): Promise<Ended> {
  return place.start(['invoke', lua.zip, '--function', 'app', '--handler', 'hello', ...args], options).ended;
}

describe('the result', () => {
  test('is printed on stdout unchanged, with the log on stderr, and no container is left', async () => {
    const ended = await invoke(['--event', '{"name":"World","log":"as it happens"}']);
    expect(ended).toMatchObject({ exitCode: 0, stdout: 'Hello World' });
    const lines = ended.stderr.trimEnd().split('\n');
    const own = lines.slice(lines.findIndex((line) => line.startsWith('START')));
    expect(own[0]).toMatch(/^START RequestId: [0-9a-f-]{36} Version: \$LATEST$/);
    expect(own[1]).toBe('as it happens');
    expect(own[2]).toMatch(/^END RequestId: /);
    expect(own[3]).toMatch(
      /^REPORT RequestId: .*\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: /,
    );
    expect(await containersOf(ended.pid)).toEqual([]);
  });

  test('is the error, with exit code 1, when the function fails', async () => {
    const ended = await invoke(['--event', '{"fail":"no such thing"}']);
    expect(ended.exitCode).toBe(1);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      errorType: 'Function.Error',
      errorMessage: expect.stringContaining('no such thing') as string,
    });
    expect(ended.stderr).not.toContain('layersmith:');
  });

  test('is a timeout when the function takes too long', async () => {
    const ended = await invoke(['--event', '{"forever":true}', '--timeout', '1']);
    expect(ended.exitCode).toBe(1);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      errorType: 'Sandbox.Timedout',
      errorMessage: expect.stringMatching(/Task timed out after 1\.00 seconds$/) as string,
    });
  });

  test('is one object with --json, for every kind of answer', async () => {
    const run = async (event: string): Promise<Record<string, unknown>> =>
      JSON.parse((await invoke(['--json', '--event', event])).stdout) as Record<string, unknown>;
    expect(await run('{"echo":true,"list":[1,"ü"]}')).toEqual({
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      status: 'success',
      contentType: expect.any(String) as string,
      streamed: false,
      report: {
        initMs: expect.any(Number) as number,
        durationMs: expect.any(Number) as number,
        billedMs: expect.any(Number) as number,
        memoryMb: 128,
        peakMemoryMb: expect.any(Number) as number,
      },
      payloadEncoding: 'json',
      payload: { echo: true, list: [1, 'ü'] },
    });
    expect(await run('{"name":"x"}')).toMatchObject({ payloadEncoding: 'text', payload: 'Hello x' });
    expect(await run('{"bytes":1}')).toMatchObject({ payloadEncoding: 'base64', payload: '/wD+' });
    expect(await run('{"fail":"x"}')).toMatchObject({
      status: 'error',
      error: { errorType: 'Function.Error' },
    });
  });

  test('of a streaming function is printed while it is written', async () => {
    const running = await startRaw(`
      send(chunk('first '))
      socket.select(nil, nil, 1)
      send(chunk('second'))`);
    await outputs(running, 'first');
    expect(running.stdout()).toBe('first ');
    expect(await running.ended).toMatchObject({ exitCode: 0, stdout: 'first second' });
  });

  test('whose reader closes stdout ends the command, and no container is left', async () => {
    const running = await startRaw(`while true do send(chunk(('x'):rep(1000))) end`);
    await outputs(running, 'x');
    running.stopReading();
    expect(await running.ended).toMatchObject({ exitCode: 0 });
    expect(running.stderr()).not.toContain('layersmith:');
    expect(await containersOf(running.pid)).toEqual([]);
  });
});

test('a client context reaches the function', async () => {
  const running = await startRaw(`send(chunk(headers['lambda-runtime-client-context']))`, [
    ...['--client-context', '{"custom":{"a":"b"}}'],
  ]);
  expect((await running.ended).stdout).toBe('{"custom":{"a":"b"}}');
});

async function outputs(running: Running, text: string): Promise<void> {
  while (!running.stdout().includes(text) && !running.isOver()) await sleep(10);
}

/** Starts an invocation of a bootstrap that streams: Lua that has `headers`, `send` and `chunk`. */
async function startRaw(answer: string, args: readonly string[] = []): Promise<Running> {
  const layer = `raw-${randomUUID()}`;
  await place.write({ [`${layer}/bootstrap`]: rawBootstrap(answer) });
  await chmod(join(place.path, layer, 'bootstrap'), 0o755);
  return place.start(['invoke', lua.zip, layer, '--function', 'app', '--handler', 'any', ...args]);
}

function rawBootstrap(answer: string): string {
  return `#!/opt/bin/lua
local socket = require('socket.core')
local function request(text)
  local c = socket.tcp()
  c:connect('127.0.0.1', 9001)
  c:send(text)
  return c
end
local function chunk(text) return string.format('%x\\r\\n%s\\r\\n', #text, text) end
local api = '/2018-06-01/runtime/invocation/'
while true do
  local c, headers = request('GET ' .. api .. 'next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'), {}
  for line in function() return c:receive('*l') end do
    if line == '' then break end
    local name, value = line:match('^(.-): (.*)$')
    if name then headers[name:lower()] = value end
  end
  c:receive(tonumber(headers['content-length']))
  c:close()
  c = request('POST ' .. api .. headers['lambda-runtime-aws-request-id'] .. '/response HTTP/1.1\\r\\nHost: x\\r\\n' ..
    'Lambda-Runtime-Function-Response-Mode: streaming\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n')
  local function send(text) c:send(text) end
  ${answer}
  send('0\\r\\n\\r\\n')
  c:receive('*l')
  c:close()
end
`;
}

describe('the event', () => {
  test('can be a file or stdin, and is {} by default', async () => {
    expect((await invoke(['--event', '@event.json'])).stdout).toBe('Hello from a file');
    expect((await invoke(['--event', '-'], { input: '{"name":"stdin"}' })).stdout).toBe('Hello stdin');
    expect((await invoke([])).stdout).toBe('Hello nil');
  });

  test("reaches the function unchanged, up to Lambda's limit of 6 MiB", async () => {
    const name = 'x'.repeat(6 * 1024 * 1024 - '{"name":""}'.length);
    const ended = await invoke(['--event', '-', '--timeout', '30', '--memory', '512'], {
      input: JSON.stringify({ name }),
    });
    expect(ended.stdout).toBe(`Hello ${name}`);
    const over = await invoke(['--event', '-'], { input: JSON.stringify({ name: `${name}x` }) });
    expect(expectError(over, 64)).toContain('RequestTooLargeException');
  });

  test('that is not JSON is refused with the position of the problem', async () => {
    expect(expectError(await invoke(['--event', '{"name": World}']), 64)).toMatch(
      /--event:1:10 is not JSON: .*"World\}"/,
    );
    expect(expectError(await invoke(['--event', '@broken.json']), 64)).toContain(
      'broken.json:2:17 is not JSON',
    );
    expect(expectError(await invoke(['--event', '@missing.json']), 64)).toContain('missing.json (ENOENT)');
    expect(expectError(await invoke(['--event', '-'], { input: '{"name":' }), 64)).toContain('but it ends');
  });
});

test('--repeat reports cold and warm times and the failures, and prints the result once', async () => {
  const ended = await invoke(['--repeat', '50', '--event', '{"name":"again"}']);
  expect(ended).toMatchObject({ exitCode: 0, stdout: 'Hello again' });
  expect(ended.stderr).toMatch(
    /50 invocations, 0 failed; times in ms\ncold {2}init [\d.]+ {2}first [\d.]+\nwarm {2}min [\d.]+ {2}median [\d.]+ {2}p95 [\d.]+ {2}p99 [\d.]+ {2}max [\d.]+\n$/,
  );
  expect(ended.stderr).not.toContain('REPORT');
  const failing = await invoke(['--repeat', '3', '--json', '--event', '{"fail":"always"}']);
  expect(failing.exitCode).toBe(1);
  expect(JSON.parse(failing.stdout)).toMatchObject({
    status: 'error',
    latency: { invocations: 3, errors: 3, cold: { initMs: expect.any(Number) as number } },
  });
});

test('variables and memory reach the function', async () => {
  const ended = await invoke(['--env', 'MARK=!', '--env', 'OTHER=a=b', '--memory', '256']);
  expect(ended.stdout).toBe('Hello nil!');
  expect(ended.stderr).toContain('Memory Size: 256 MB');
});

test('a function can be a zip, also one without modes', async () => {
  const zip = join(place.path, 'function.zip');
  await writeZip(zip, [fileEntry('src/hello.lua', HELLO, 0)]);
  const ended = await place.start([
    ...['invoke', lua.zip, '--function', 'function.zip', '--handler', 'hello'],
  ]).ended;
  expect(ended).toMatchObject({ exitCode: 0, stdout: 'Hello nil' });
});

test('a later layer replaces files of earlier ones', async () => {
  const places = { 'a/share/lua/5.4/who.lua': "return 'a'", 'b/share/lua/5.4/who.lua': "return 'b'" };
  await place.write({ ...places, 'who/src/hello.lua': "return function() return require('who') end" });
  const who = async (...layers: string[]): Promise<string> =>
    (await place.start(['invoke', ...layers, '--function', 'who', '--handler', 'hello']).ended).stdout;
  expect(await who(lua.zip, 'a', 'b')).toBe('b');
  expect(await who('b', lua.zip, 'a')).toBe('a');
});

test('Ctrl-C during an invocation ends the command and leaves no container', async () => {
  const running = place.start([
    ...['invoke', lua.zip, '--function', 'app', '--handler', 'hello'],
    ...['--timeout', '60', '--event', '{"log":"it runs","forever":true}'],
  ]);
  await running.says('START RequestId');
  running.kill('SIGINT');
  const ended = await running.ended;
  expect(ended).toMatchObject({ exitCode: 130, stdout: '' });
  expect(ended.stderr).not.toContain('    at ');
  expect(await containersOf(ended.pid)).toEqual([]);
});
