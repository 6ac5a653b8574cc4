import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { InvocationOutcome, InvocationRequest } from '../../../src/lambda/invocation.js';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { openTestFunction, type TestFunction } from '../../support/local-function.js';

// What the Lua bootstrap promises to functions (docs/functions-lua.md), on the real layer in real containers.

/** Runs the code in the event, so that each test shows its own function. */
const CASES = `
local json = require("layersmith.json")
seen = 0
return function(event, context)
  seen = seen + 1
  local code = type(event) == "table" and event.code
  if not code then return event end
  local chunk = assert(load(code, "=case", "t", setmetatable({ event = event, context = context, json = json }, { __index = _G })))
  return chunk()
end
`;

let layer: BuiltLayer;

beforeAll(async () => {
  layer = await builtLayer('lua/5.4');
});

afterAll(async () => {
  await layer[Symbol.asyncDispose]();
});

async function invoke(
  fn: TestFunction,
  event: unknown,
  request: Omit<InvocationRequest, 'event'> = {},
): Promise<InvocationOutcome & { readonly text: string; readonly value: unknown; readonly lines: string }> {
  const from = fn.log.length;
  const bytes = Buffer.isBuffer(event) ? event : Buffer.from(JSON.stringify(event));
  const outcome = await fn.invoke({ ...request, event: bytes });
  const text = outcome.payload.toString('utf8');
  const isJson = outcome.contentType === 'application/json';
  const value: unknown =
    isJson || (outcome.status === 'error' && !outcome.streamed) ? JSON.parse(text) : text;
  return { ...outcome, text, value, lines: fn.log.slice(from).join('\n') };
}

describe('invocations', () => {
  let fn: TestFunction;

  beforeAll(async () => {
    fn = await openTestFunction({ layers: [layer.zip], files: { 'src/cases.lua': CASES }, handler: 'cases' });
  });

  afterAll(async () => {
    await fn[Symbol.asyncDispose]();
  });

  const run = (code: string, request: Omit<InvocationRequest, 'event'> = {}): ReturnType<typeof invoke> =>
    invoke(fn, { code }, request);

  test('events and results are passed unchanged', async () => {
    const event = {
      text: 'ünïcödé / "quoted" \u2028 \0 end 🐎',
      list: [1, 2.5, -0.1, true, null, '', 1e300],
      nested: { 'a b': { c: [[]] }, '': 'empty key' },
    };
    expect((await invoke(fn, event)).value).toEqual(event);
  });

  test.each([
    ['nothing', 'return nil', 'null'],
    ['a list', 'return { 1, 2, 3 }', '[1,2,3]'],
    ['an empty list', 'return json.array({})', '[]'],
    ['an empty table', 'return {}', '{}'],
    ['numbers that are not positions', 'return { [10] = "a" }', '{"10":"a"}'],
    ['a list with a place held', 'return { 1, json.null, 3 }', '[1,null,3]'],
    ['the same table twice', 'local t = { 1 } return { a = t, b = t }', '{"a":[1],"b":[1]}'],
  ])('%s is JSON', async (_what, code, json) => {
    const outcome = await run(code);
    expect(outcome).toMatchObject({ status: 'success', contentType: 'application/json', text: json });
  });

  test('a string is sent unchanged, also if it is not UTF-8', async () => {
    const outcome = await run('return "\\0\\255 {"');
    expect(outcome.contentType).toBe('application/octet-stream');
    expect(outcome.payload).toEqual(Buffer.from([0, 255, 32, 0x7b]));
  });

  test.each([
    ['a function', 'return { users = { {}, {}, { name = print } } }', 'result.users[3].name is a function'],
    ['NaN', 'return { a = 0 / 0 }', /^result\.a is -?nan\b/],
    ['infinity', 'return { 1, 1 / 0 }', /^result\[2\] is inf\b/],
    ['bytes that are no text', 'return { ["a b"] = "\\255" }', 'result["a b"] is not UTF-8'],
    ['a name that is no text', 'return { a = { ["\\255"] = 1 } }', 'result.a has a key that is not UTF-8'],
    ['a table in itself', 'local t = { a = {} } t.a.b = t return t', 'result.a.b refers to itself'],
    ['names and positions', 'return { x = { 1, 2, n = 2 } }', 'result.x mixes positions and names'],
    ['holes', 'return { 1, nil, 3 }', 'result is a list with holes: json.null holds a place'],
    ['a name that is a table', 'return { [{}] = 1 }', 'result has a key that is a table'],
    ['a coroutine', 'return { coroutine.create(print) }', 'result[1] is a thread'],
    [
      'what has no end',
      'local t = {} local a = t for i = 1, 3000 do a.a = {} a = a.a end return t',
      /^result(\.a){20}… is nested deeper than 2048$/,
    ],
  ])('a result with %s is an error that names the place', async (_what, code, message) => {
    const { error } = await run(code);
    expect(error).toMatchObject({
      errorType: 'Runtime.MarshalError',
      errorMessage: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
    });
  });

  test('the context names the invocation and its remaining time', async () => {
    const { value, requestId } = await run(
      `local left = context.get_remaining_time_in_millis()
       return { id = context.aws_request_id, arn = context.invoked_function_arn, trace = context.trace_id,
         variable = os.getenv("_X_AMZN_TRACE_ID"), client = context.client_context, identity = context.identity,
         tenant = context.tenant_id, name = context.function_name, version = context.function_version,
         memory = context.memory_limit_in_mb, group = context.log_group_name, stream = context.log_stream_name,
         deadline = math.type(context.deadline_ms), inTime = left > 5000 and left <= 10000 }`,
      {
        clientContext: '{"custom":{"a":"b"}}',
        cognitoIdentity: '{"cognitoIdentityId":"i"}',
        tenantId: 'tenant-1',
        traceId: 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1',
      },
    );
    expect(value).toEqual({
      id: requestId,
      arn: expect.stringMatching(/^arn:aws:lambda:/) as string,
      trace: 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1',
      variable: 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1',
      client: { custom: { a: 'b' } },
      identity: { cognitoIdentityId: 'i' },
      tenant: 'tenant-1',
      name: 'function',
      version: '$LATEST',
      memory: 512,
      group: '/aws/lambda/function',
      stream: 'layersmith',
      deadline: 'integer',
      inTime: true,
    });
  });

  test('a context of one invocation is not seen by the next', async () => {
    await run('return 1', { clientContext: '{"a":1}', tenantId: 't' });
    expect((await run('return { context.client_context == nil, context.tenant_id == nil }')).value).toEqual([
      true,
      true,
    ]);
  });

  test('an error is answered with its message and position, and logged', async () => {
    const { error, lines } = await run('local function inner() error("it broke") end\ninner()');
    expect(error).toMatchObject({ errorType: 'Function.Error', errorMessage: 'case:1: it broke' });
    expect(error?.stackTrace.join('\n')).toMatch(/case:1: in upvalue 'inner'|case:1: in local 'inner'/);
    expect(error?.stackTrace.join('\n')).not.toContain('/opt/bootstrap');
    expect(lines).toContain('\tERROR\tInvoke Error\t{"errorMessage":"case:1: it broke"');
  });

  test.each([
    ['{ errorType = "OutOfStock", errorMessage = "none left" }', 'Function.OutOfStock', 'none left'],
    ['{ errorType = "Function.Own", errorMessage = "m" }', 'Function.Own', 'm'],
    ['{ errorType = 7, message = "m" }', 'Function.Error', 'm'],
    ['setmetatable({}, { __tostring = function() return "told" end })', 'Function.Error', 'told'],
    ['{ code = 7 }', 'Function.Error', '{"code":7}'],
    ['{ print }', 'Function.Error', 'an error object without a message: table'],
    ['nil', 'Function.Error', 'nil'],
    ['"\\255"', 'Function.Error', 'case:1: \u{FFFD}'],
  ])('error(%s) is an error of its own type', async (thrown, errorType, errorMessage) => {
    const { error } = await run(`error(${thrown})`);
    expect(error).toMatchObject({ errorType, errorMessage });
  });

  test('endless recursion is an error, and the process continues', async () => {
    const before = (await run('return seen')).value;
    const { error } = await run('local function f() return 1 + f() end return f()');
    expect(error?.errorMessage).toContain('stack overflow');
    expect((await run('return seen')).value).toBe((before as number) + 2);
  });

  test('os.exit() is answered for the invocation in flight, and the next one gets a new process', async () => {
    const { error } = await run('io.write("last words") os.exit(0)');
    expect(error).toMatchObject({ errorType: 'Function.Exit' });
    expect((await run('return seen')).value).toBe(1);
  });

  test.each([
    ['no JSON', Buffer.from('{not json')],
    ['no text', Buffer.from([0x22, 0xff, 0x22])],
    ['nothing', Buffer.from('')],
    ['too deep', Buffer.from(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)],
  ])('an event that is %s is an error of the event', async (_what, event) => {
    expect((await invoke(fn, event)).error).toMatchObject({ errorType: 'Runtime.UnmarshalError' });
  });

  test('events and results of 6 MiB are passed unchanged; a larger result is refused once', async () => {
    const text = 'x'.repeat(6 * 1024 ** 2 - 2);
    expect((await invoke(fn, text)).text).toBe(text);
    const from = fn.log.length;
    const { error } = await run('return ("x"):rep(6 * 1024 ^ 2 // 1 + 101)');
    expect(error?.errorType).toBe('Function.ResponseSizeTooLarge');
    // Said when the invocation is over already.
    expect((await run('return "on"')).value).toBe('on');
    const lines = fn.log.slice(from).join('\n');
    expect(lines).toMatch(/bootstrap: the Runtime API refused invocation\/\S+\/response with 413/);
    expect(lines).not.toMatch(/refused invocation\/\S+\/error/);
  });

  test("a handler's output is in the log before its invocation ends", async () => {
    const { lines, value } = await run('io.write("no line end") io.stderr:write("err\\n") return 1');
    expect(value).toBe(1);
    expect(lines).toMatch(/no line end[^]*END RequestId/);
    expect(lines).toContain('err');
  });

  test('an iterator is streamed string by string', async () => {
    const outcome = await run(
      'local n = 0 return function() n = n + 1 if n <= 3 then return ("part%d;"):format(n) end end',
    );
    expect(outcome).toMatchObject({ status: 'success', streamed: true, text: 'part1;part2;part3;' });
    const wrapped = await run(
      'return coroutine.wrap(function() coroutine.yield("a") coroutine.yield("") coroutine.yield("b") end)',
    );
    expect(wrapped).toMatchObject({ status: 'success', streamed: true, text: 'ab' });
    const none = await run('return function() end');
    expect(none).toMatchObject({ status: 'success', streamed: true, text: '' });
  });

  test.each([
    ['fails', 'error({ errorType = "Broken", errorMessage = "in the middle" })', 'Function.Broken'],
    ['gives no string', 'return {}', 'Runtime.MarshalError'],
    ['exits', 'os.exit(0)', 'Function.Exit'],
  ])('an iterator that %s, before or after its first string, is an error', async (_what, code, errorType) => {
    const early = await run(`return function() ${code} end`);
    expect(early).toMatchObject({ status: 'error', error: { errorType } });
    const late = await run(
      `local n = 0 return function() n = n + 1 if n < 3 then return "part;" end ${code} end`,
    );
    expect(late).toMatchObject({ status: 'error', streamed: true, error: { errorType } });
    expect((await run('return "on"')).value).toBe('on');
  });

  test('hooks, redirected output and a closed stderr of one invocation do not harm the next', async () => {
    await run('debug.sethook(function() error("hook") end, "", 100) io.output("/tmp/elsewhere") return 1');
    await run('io.stderr:close() error("unseen")');
    const { value, lines } = await run('for i = 1, 1e5 do end io.write("seen\\n") return "on"');
    expect(value).toBe('on');
    expect(lines).toContain('seen');
  });
});

describe('handlers', () => {
  async function first(
    handler: string,
    files: Record<string, string>,
  ): Promise<Awaited<ReturnType<typeof invoke>>> {
    await using fn = await openTestFunction({ layers: [layer.zip], files, handler });
    return await invoke(fn, {});
  }

  test.each([
    ['hello', { 'src/hello.lua': 'return function() return "src" end', 'hello.lua': 'error("no")' }, 'src'],
    ['hello', { 'hello.lua': 'function hello() return "root" end' }, 'root'],
    ['api/users.list', { 'api/users.lua': 'return { list = function() return "table" end }' }, 'table'],
    ['api/users.list', { 'src/api/users.lua': 'function list() return "global" end' }, 'global'],
    [
      'hello',
      {
        'src/hello.lua': 'return function() return require("a") .. require("b") end',
        'src/a.lua': 'return "a"',
        'b/init.lua': 'return "b"',
      },
      'ab',
    ],
  ])('%s of %j is found', async (handler, files, result) => {
    expect((await first(handler, files as Record<string, string>)).value).toBe(result);
  });

  test.each([
    ['gone', {}, 'Runtime.ImportModuleError', '/var/task/src/gone.lua nor /var/task/gone.lua'],
    ['../x', {}, 'Runtime.HandlerNotFound', 'it must lie below /var/task'],
    ['next', { 'src/next.lua': 'x = 1' }, 'Runtime.HandlerNotFound', 'defines the global function next'],
    ['bad', { 'src/bad.lua': 'return function(' }, 'Runtime.UserCodeSyntaxError', '/var/task/src/bad.lua:1:'],
    ['bad', { 'src/bad.lua': 'error("at init")' }, 'Runtime.ImportModuleError', 'bad.lua:1: at init'],
    ['bad', { 'src/bad.lua': 'os.exit(0)' }, 'Runtime.ImportModuleError', 'os.exit() was called while'],
  ])('%s of %j is an init error that says why', async (handler, files, errorType, message) => {
    const { error, lines } = await first(handler, { 'other.txt': '', ...files });
    expect(error?.errorType).toBe(errorType);
    expect(error?.errorMessage).toContain(message);
    expect(lines).toContain(message);
  });
});
