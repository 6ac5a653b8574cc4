import { chmod } from 'node:fs/promises';

import { afterAll, expect, test } from 'vitest';

import { LayerError, UsageError } from '../../../src/core/errors.js';
import type { InvocationOutcome } from '../../../src/lambda/invocation.js';
import { builtLayer } from '../../support/built-layer.js';
import { failure } from '../../support/failure.js';
import { openTestFunction, type TestFunctionOptions } from '../../support/local-function.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// What a function finds in its sandbox, on the real engine.

const lua = await builtLayer('lua/5.4');

afterAll(() => lua[Symbol.asyncDispose]());

/** Runs the body of a Lua function of `event` once. */
async function run(
  body: string,
  options: Partial<TestFunctionOptions> & { readonly event?: unknown } = {},
): Promise<InvocationOutcome & { readonly text: string; readonly log: readonly string[] }> {
  await using fn = await openTestFunction({
    layers: [lua.zip],
    handler: 'main',
    ...options,
    files: { 'src/main.lua': `return function(event)\n${body}\nend\n`, ...options.files },
  });
  const outcome = await fn.invoke({ event: Buffer.from(JSON.stringify(options.event ?? {})) });
  return { ...outcome, text: outcome.payload.toString(), log: fn.log };
}

const READ = `
  local function read(path) local file = io.open(path); return file and file:read('a') end
`;

test('a function gets its event, its environment and its own variables', async () => {
  const { text } = await run(
    `return event.name .. ' ' .. os.getenv('COLOUR') .. ' ' .. os.getenv('_HANDLER') .. ' ' ..
       os.getenv('AWS_LAMBDA_FUNCTION_MEMORY_SIZE')`,
    { event: { name: 'Ada' }, env: { COLOUR: 'red = blue' }, memoryMb: 192 },
  );
  expect(text).toBe('Ada red = blue main 192');
});

test('layers lie merged at /opt, later ones over earlier ones, zips and folders alike', async () => {
  await using folder = await temporaryFolder();
  await folder.write({
    'one/share/who': 'one',
    'one/share/only-one': 'still there',
    'two/share/who': 'two',
  });
  const body = `${READ} return read('/opt/share/who') .. ', ' .. read('/opt/share/only-one')`;
  const [one, two] = [`${folder.path}/one`, `${folder.path}/two`];
  expect((await run(body, { layers: [one, lua.zip, two] })).text).toBe('two, still there');
  expect((await run(body, { layers: [two, lua.zip, one] })).text).toBe('one, still there');
});

test('a later layer can bring another bootstrap', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ bootstrap: '#!/opt/bin/lua\nprint("mine")\nos.exit(7)\n' });
  await chmod(`${folder.path}/bootstrap`, 0o755);
  const { status, error, log } = await run('return 1', { layers: [lua.zip, folder.path] });
  expect(status).toBe('error');
  expect(error?.errorType).toBe('Runtime.ExitError');
  expect(log).toContain('mine');
});

test('a function can write to /tmp, and to nothing else', async () => {
  const { text } = await run(`
    local found = {}
    for _, folder in ipairs({ '/tmp', '/opt', '/var/task', '/var/layersmith', '/', '/etc' }) do
      local file = io.open(folder .. '/written', 'w')
      if file then file:write('x'); file:close(); found[#found + 1] = folder end
    end
    return table.concat(found, ' ')
  `);
  expect(text).toBe('/tmp');
});

test('/tmp does not count as memory, and is kept when the bootstrap is started again', async () => {
  await using fn = await openTestFunction({
    layers: [lua.zip],
    files: {
      'src/main.lua': `return function(event)
        if event.write then
          local file = io.open('/tmp/large', 'w')
          for _ = 1, 200 do file:write(string.rep('x', 1024 * 1024)) end
          file:close()
          os.exit(3)
        end
        return tostring(io.open('/tmp/large'):seek('end'))
      end`,
    },
    handler: 'main',
    memoryMb: 128,
  });
  const written = await fn.invoke({ event: Buffer.from('{"write": true}') });
  expect(written).toMatchObject({ status: 'error' });
  const next = await fn.invoke({ event: Buffer.from('{}') });
  expect(next).toMatchObject({ status: 'success' });
  expect(next.payload.toString()).toBe(String(200 * 1024 * 1024));
});

test('a function that takes more memory than it has is ended, and the next invocation works', async () => {
  await using fn = await openTestFunction({
    layers: [lua.zip],
    files: {
      'src/main.lua': `return function(event)
        local all = {}
        for index = 1, event.megabytes do all[index] = string.rep(tostring(index % 10), 1024 * 1024) end
        return tostring(#all)
      end`,
    },
    handler: 'main',
    memoryMb: 128,
  });
  const ok = await fn.invoke({ event: Buffer.from('{"megabytes": 80}') });
  expect(ok.payload.toString()).toBe('80');
  expect(ok.report.memoryMb).toBe(128);
  expect(ok.report.peakMemoryMb).toBeGreaterThan(80);
  expect(await fn.invoke({ event: Buffer.from('{"megabytes": 400}') })).toMatchObject({ status: 'error' });
  expect(await fn.invoke({ event: Buffer.from('{"megabytes": 1}') })).toMatchObject({ status: 'success' });
});

test('a function has no network', async () => {
  const { text } = await run(`
    local socket = require('socket.core')
    local connection = socket.tcp()
    connection:settimeout(1)
    local _, reason = connection:connect('192.0.2.1', 80)
    return reason
  `);
  expect(text).toBe('Network is unreachable');
});

test('layers without a bootstrap, more than five of them, and code that is not there are refused', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'layer/lib/x': 'x' });
  const layer = `${folder.path}/layer`;
  const opened = (layers: readonly string[], env = {}): Promise<unknown> => run('', { layers, env });
  expect((await failure(opened([layer]), LayerError)).message).toBe('none of the layers has a bootstrap');
  await failure(opened([lua.zip, layer, layer, layer, layer, layer]), LayerError);
  expect((await failure(opened(['none']), UsageError)).message).toBe('the layer none does not exist');
  const reserved = await failure(opened([lua.zip], { AWS_REGION: 'eu-central-1' }), UsageError);
  expect(reserved.message).toContain('AWS_REGION');
});
