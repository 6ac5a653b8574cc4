import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import type { Running } from '../../support/cli.js';
import { firstLineOf, functionPlace, type FunctionPlace } from '../../support/function-cli.js';
import { containersOf } from '../../support/workplace.js';

// `layersmith serve --http` and `invoke --http` as browsers and curl use them, with a Lua function that answers the event of a
// function URL itself.

const APP = `local count = 0
local pages = {}

pages['/echo'] = function(event)
  local type = event.headers['content-type']
  return {
    statusCode = 201,
    headers = { ['Content-Type'] = type, ['X-Query'] = event.rawQueryString },
    cookies = { 'seen=' .. table.concat(event.cookies or {}, '+'), 'b=2; HttpOnly' },
    body = event.body,
    isBase64Encoded = event.isBase64Encoded,
  }
end

pages['/stream'] = function()
  local parts = { 'one ', 'two' }
  local at = 0
  return function() at = at + 1; return parts[at] end
end

pages['/fail'] = function() error('no such <page>') end
pages['/plain'] = function() return { hello = 'world' } end
pages['/count'] = function() count = count + 1; return { statusCode = 200, body = tostring(count) } end

return function(event)
  local page = pages[event.rawPath]
  if page then return page(event) end
  return { statusCode = 404, headers = { ['Content-Type'] = 'text/html' }, body = '<p>none' }
end
`;

let lua: BuiltLayer;
let place: FunctionPlace;
let serving: Running;
let url: string;

beforeAll(async () => {
  lua = await builtLayer('lua/5.4');
  place = await functionPlace({
    'app/src/web.lua': APP,
    'app/public/css/site.css': 'p{}',
    'app/public/.env': 'SECRET=1',
  });
  serving = place.start(['serve', ...functionArgs(), '--http', '0', '--assets', 'app/public']);
  url = await firstLineOf(serving);
});

afterAll(async () => {
  await place[Symbol.asyncDispose]();
  await lua[Symbol.asyncDispose]();
});

function functionArgs(): string[] {
  return [lua.zip, '--function', 'app', '--handler', 'web', '--memory', '256'];
}

test('curl sends a request, and receives status, headers, cookies and body', async () => {
  const { stdout } = await promisify(execFile)('curl', [
    ...['--silent', '--include', '--cookie', 'c=1; d=2', '--header', 'Content-Type: text/plain'],
    ...['--data', 'für', `${url}/echo?a=1&a=%20`],
  ]);
  const [head = '', body] = stdout.split('\r\n\r\n');
  expect(body).toBe('für');
  expect(head.toLowerCase().split('\r\n')).toEqual(
    expect.arrayContaining([
      'http/1.1 201 created',
      'content-type: text/plain',
      'content-length: 4',
      'x-query: a=1&a=%20',
      'set-cookie: seen=c=1+d=2',
      'set-cookie: b=2; httponly',
    ]),
  );
});

test('bytes and forms go both ways', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const headers = { 'Content-Type': 'image/png' };
  const answer = await fetch(`${url}/echo`, { method: 'PUT', body: bytes, headers });
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  const form = await fetch(`${url}/echo`, { method: 'POST', body: new URLSearchParams({ a: 'ü' }) });
  expect(await form.text()).toBe('a=%C3%BC');
});

test('a streamed answer is the body', async () => {
  const answer = await fetch(`${url}/stream`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/octet-stream']);
  expect(await answer.text()).toBe('one two');
});

test('errors are 502 and named, other results JSON, and the function serves on', async () => {
  const page = await fetch(`${url}/fail`, { headers: { Accept: 'text/html' } });
  expect(page.status).toBe(502);
  expect(await page.text()).toContain('no such &lt;page&gt;');
  const plain = await fetch(`${url}/plain`);
  expect([plain.status, await plain.json()]).toEqual([200, { hello: 'world' }]);
  expect((await fetch(`${url}/none`)).status).toBe(404);
  await serving.says('layersmith: GET /none 404');
});

test('assets need no invocation, and hidden files are none', async () => {
  const css = await fetch(`${url}/css/site.css`);
  expect([css.headers.get('content-type'), await css.text()]).toEqual(['text/css; charset=utf-8', 'p{}']);
  expect((await fetch(`${url}/.env`)).status).toBe(404);
});

test('requests at once wait for one another', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => Number(await (await fetch(`${url}/count`)).text())),
  );
  const least = Math.min(...answers);
  expect(answers.sort((a, b) => a - b)).toEqual(answers.map((_, index) => least + index));
});

test('an edited function answers the next request; Ctrl-C ends it, with both addresses, and leaves nothing', async () => {
  await place.write({ 'edited/src/web.lua': "return function() return 'one' end" });
  const args = [lua.zip, '--function', 'edited', '--handler', 'web', '--http', '0', '--port', '0', '--json'];
  const running = place.start(['serve', ...args]);
  const addresses = JSON.parse(await firstLineOf(running)) as Record<'http' | 'url' | 'invocations', string>;
  const invoked = await fetch(addresses.invocations, { method: 'POST', body: '{}' });
  expect(await invoked.text()).toBe('one');
  const answering = (text: string): string =>
    `return function() return { statusCode = 200, body = '${text}' } end`;
  for (const text of ['first', 'second']) {
    await place.write({ 'edited/src/web.lua': answering(text) });
    expect(await (await fetch(addresses.http)).text()).toBe(text);
  }
  running.kill('SIGINT');
  const ended = await running.ended;
  expect(ended.exitCode).toBe(130);
  expect(await containersOf(ended.pid)).toEqual([]);
});

test('PHP scripts run in web mode, and a form and an upload reach them', async () => {
  await using php = await builtLayer('php/8.4');
  await place.write({
    'site/public/index.php': `<?php
setcookie('a', '1');
setcookie('b', '2');
$file = $_FILES['file'] ?? ['name' => '', 'size' => 0];
echo $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['REQUEST_URI'], ' ', $_POST['name'] ?? '', ' ', $file['name'], ' ', $file['size'];
`,
  });
  const args = ['--function', 'site', '--handler', 'public/index.php', '--memory', '256'];
  const running = place.start(['serve', php.zip, ...args, '--http', '0', '--assets', 'site/public']);
  const form = new FormData();
  form.set('name', 'ü');
  form.set('file', new Blob(['four']), 'a.txt');
  const body = { method: 'POST', body: form };
  const answer = await fetch(`${await firstLineOf(running)}/index.php?x=%20`, body);
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  expect(await answer.text()).toBe('POST /index.php?x=%20 ü a.txt 4');
  for (const format of ['v1', 'v2', 'alb', 'alb-multi']) {
    const request = ['--http', '/a?x=1', '--data', 'name=me', '--event-format', format];
    const printed = await place.start(['invoke', php.zip, ...args, ...request]).ended;
    expect(printed.stdout, format).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\nPOST \/a\?x=1 me {2}0$/);
    expect(printed.stdout.match(/set-cookie: [ab]=/gi), format).toHaveLength(2);
  }
});

test('a response that PHP streams has its own status, headers and cookies', async () => {
  await using php = await builtLayer('php/8.4');
  await place.write({
    'php/src/web.php': `<?php
return function (array $event) {
    $body = (function () use ($event) { yield 'path '; yield $event['rawPath']; })();
    return Layersmith\\StreamedResponse::http($body, 202, ['content-type' => 'text/plain'], ['s=1', 't=2']);
};
`,
  });
  const args = ['--function', 'php', '--handler', 'web', '--memory', '256'];
  const running = place.start(['serve', php.zip, ...args, '--http', '0']);
  const answer = await fetch(`${await firstLineOf(running)}/a`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([202, 'text/plain']);
  expect(answer.headers.getSetCookie()).toEqual(['s=1', 't=2']);
  expect(await answer.text()).toBe('path /a');
  const printed = await place.start(['invoke', php.zip, ...args, '--http', '/a']).ended;
  expect(printed.stdout).toMatch(/^HTTP\/1.1 202 Accepted\r\n[^]*\r\n\r\npath \/a$/);
});

test('invoke --http prints the response of one request', async () => {
  const request = ['--http', 'PUT /echo?x', '--header', 'Content-Type: text/plain', '--data', 'body'];
  const ended = await place.start(['invoke', ...functionArgs(), ...request]).ended;
  expect(ended.exitCode).toBe(0);
  const [head = '', body] = ended.stdout.split('\r\n\r\n');
  expect(body).toBe('body');
  expect(head.split('\r\n')).toEqual(
    expect.arrayContaining(['HTTP/1.1 201 Created', 'Content-Type: text/plain', 'Set-Cookie: seen=']),
  );
  const streamed = await place.start(['invoke', ...functionArgs(), '--http', '/stream']).ended;
  expect(streamed.stdout).toBe('HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\none two');
  const failed = await place.start(['invoke', ...functionArgs(), '--http', '/fail']).ended;
  expect(failed.exitCode).toBe(1);
  expect(JSON.parse(failed.stdout)).toMatchObject({ errorType: 'Function.Error' });
});
