import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

import { beforeAll, expect, test } from 'vitest';

import { withoutPhpComments } from '../../src/runtime/php/php-comments.js';
import { phpRuntime } from '../../src/runtime/php/php-runtime.js';
import { packageRoot } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary-folder.js';

// The oldest PHP that the bootstrap is for, and the newest, neither of which can be compiled everywhere: real ones,
// compiled to WebAssembly by others. Their sockets go through this machine's loopback.

const FOLDER = join(packageRoot, 'test', 'other-php');

beforeAll(async () => {
  const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  await promisify(execFile)('npm', options, { cwd: FOLDER });
});

interface Posted {
  readonly path: string;
  readonly body: string;
  readonly mode: string | undefined;
}

/** Gives each event once, then 500, which ends the bootstrap; what it posted, and what it printed. */
async function run(
  version: string,
  events: readonly unknown[],
): Promise<{ readonly posted: readonly Posted[]; readonly printed: string }> {
  const posted: Posted[] = [];
  let given = 0;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const path = (request.url ?? '').replace('/2018-06-01/runtime/', '');
      if (path === 'invocation/next') {
        const event = events[given];
        if (event === undefined) {
          response.writeHead(500).end();
          return;
        }
        given++;
        response.setHeader('Lambda-Runtime-Aws-Request-Id', `id-${given}`);
        response.setHeader('Lambda-Runtime-Deadline-Ms', Date.now() + 60_000);
        response.end(JSON.stringify(event));
        return;
      }
      const mode = request.headers['lambda-runtime-function-response-mode'];
      posted.push({ path, body, mode: typeof mode === 'string' ? mode : undefined });
      response.writeHead(202).end('{"status":"OK"}');
    });
  });
  await using folder = await temporaryFolder();
  const bootstrap = join(folder.path, 'bootstrap');
  await writeFile(bootstrap, await phpRuntime.bootstrap(join(packageRoot, 'runtimes'), 'function'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const cases = join(packageRoot, 'test', 'fixtures', 'php', 'cases.php');
    const args = [join(FOLDER, 'run-bootstrap.mjs'), version, bootstrap, cases, `127.0.0.1:${port}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { posted, printed: `${out}${err}` };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test.each(['7.3', '8.5'])(
  'the bootstrap works on PHP %s, and PHP has nothing to complain about',
  async (version) => {
    const { posted, printed } = await run(version, [
      { case: 'result', code: 'PHP_VERSION' },
      { some: ['event', 1.0] },
      { case: 'throw' },
      { case: 'print' },
      { case: 'result', code: '["a" => [1, NAN]]' },
      { case: 'generator', pieces: ['one ', 'two'] },
      { case: 'generator', pieces: ['begun', 'throw'] },
      { case: 'dirty' },
      { case: 'state' },
      { case: 'exit' },
    ]);
    const of = (id: number): Posted | undefined =>
      posted.find(({ path }) => path.startsWith(`invocation/id-${id}/`));
    const json = (id: number): unknown => JSON.parse(of(id)?.body ?? 'null');
    expect(of(1)?.body).toMatch(new RegExp(`^${version.replace('.', '\\.')}\\.`));
    expect(json(2)).toEqual({ some: ['event', 1] });
    expect(json(3)).toMatchObject({
      errorType: 'Function.RuntimeException',
      cause: { errorType: 'Function.LogicException' },
    });
    expect(of(4)?.body).toBe('printed');
    expect(json(5)).toMatchObject({ errorType: 'Runtime.MarshalError', errorMessage: 'result.a[1] is NAN' });
    expect(of(6)).toMatchObject({ body: 'one two', mode: 'streaming' });
    expect(of(7)).toMatchObject({ body: 'begun', mode: 'streaming' });
    expect(json(9)).toMatchObject({
      handled: true,
      folder: '/task',
      levels: 1,
      leaks: [false, false, false],
    });
    expect(json(10)).toMatchObject({ errorType: 'Function.Exit' });
    expect(posted).toHaveLength(10);
    expect(printed).toContain('echoed');
    expect(printed).not.toMatch(/(Deprecated|Warning|Notice|Fatal error|Parse error):/);
  },
);

test('PHP finds the same code in a source file and in the one without comments', async () => {
  await using folder = await temporaryFolder();
  const sources: Record<string, string> = {
    'compile.php': await readFile(join(packageRoot, 'runtimes', 'php', 'compile.php'), 'utf8'),
    'tricky.php':
      '<?php\n$a = "{$b["}"]} // #" . \'/* \\\' */\'; # no\nf(<<<EOT\n    // {$a[1]} /*\n  EOT /* no */ );\n',
    // Shows that a difference would be found.
    'other.php': '<?php f(1);\n',
  };
  const bootstrap = join(packageRoot, 'runtimes', 'php', 'bootstrap');
  for (const name of await readdir(bootstrap)) sources[name] = await readFile(join(bootstrap, name), 'utf8');
  for (const [name, source] of Object.entries(sources)) {
    const stripped = name === 'other.php' ? '<?php f(2);\n' : withoutPhpComments(source);
    await folder.write({ [`a/${name}`]: source, [`b/${name}`]: stripped });
  }
  const script = join(FOLDER, 'same-tokens.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [
    script,
    join(folder.path, 'a'),
    join(folder.path, 'b'),
  ]);
  expect(stdout).toBe('other.php\n');
});
