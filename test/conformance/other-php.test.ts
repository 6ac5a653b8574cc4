import { execFile, spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

import { beforeAll, expect, test } from 'vitest';

import { withoutPhpComments } from '../../src/runtime/php/php-comments.js';
import { phpRuntime } from '../../src/runtime/php/php-runtime.js';
import { packageRoot } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary-folder.js';

// The oldest PHP that the bootstrap is for, and the newest, neither of which can be compiled everywhere: real ones,
// compiled to WebAssembly by others.

const FOLDER = join(packageRoot, 'test', 'other-php');

beforeAll(async () => {
  const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  await promisify(execFile)('npm', options, { cwd: FOLDER });
});

interface Ran {
  readonly posted: readonly { readonly path: string; readonly body: string; readonly streamed: boolean }[];
  readonly printed: string;
}

/** Gives each event to the bootstrap's PHP code, with a stand-in for what the layer's program has in C. */
async function run(version: string, events: readonly unknown[]): Promise<Ran> {
  await using folder = await temporaryFolder();
  const bootstrap = join(folder.path, 'bootstrap');
  await writeFile(bootstrap, await phpRuntime.bootstrap(join(packageRoot, 'runtimes'), 'function'));
  const cases = join(packageRoot, 'test', 'fixtures', 'php', 'cases.php');
  const args = [join(FOLDER, 'run-bootstrap.mjs'), version, bootstrap, cases];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], timeout: 60_000 });
  child.stdin.end(events.map((event) => JSON.stringify(event)).join('\n'));
  return JSON.parse(await text(child.stdout)) as Ran;
}

test.each(['7.3', '8.5'])(
  "the bootstrap's PHP code works on PHP %s, and PHP has nothing to complain about",
  async (version) => {
    const { posted, printed } = await run(version, [
      { case: 'result', code: 'PHP_VERSION' },
      { some: ['event', 1.0] },
      { case: 'throw' },
      { case: 'print' },
      { case: 'result', code: '["a" => [1, NAN]]' },
      { case: 'generator', pieces: ['one ', 'two'] },
      { case: 'generator', pieces: ['begun', 'throw'] },
      { case: 'stream', pieces: ['to a', ' callable'] },
      { case: 'http', pieces: ['body'] },
      { case: 'exit' },
    ]);
    const of = (id: number): Ran['posted'][number] | undefined =>
      posted.find(({ path }) => path.startsWith(`id-${id}/`));
    const json = (id: number): unknown => JSON.parse(of(id)?.body ?? 'null');
    expect(of(1)?.body).toMatch(new RegExp(`^${version.replace('.', '\\.')}\\.`));
    expect(json(2)).toEqual({ some: ['event', 1] });
    expect(json(3)).toMatchObject({
      errorType: 'Function.RuntimeException',
      stackTrace: [
        expect.stringMatching(/^\/task\/src\/cases\.php:\d+$/) as string,
        expect.stringMatching(/^cases\(\)/) as string,
      ],
      cause: { errorType: 'Function.LogicException' },
    });
    expect(of(4)?.body).toBe('printed');
    expect(json(5)).toMatchObject({ errorType: 'Runtime.MarshalError', errorMessage: 'result.a[1] is NAN' });
    expect(of(6)).toMatchObject({ body: 'one two', streamed: true });
    expect(json(7)).toMatchObject({ errorType: 'Function.DomainException' });
    expect(of(8)).toMatchObject({ body: 'to a callable', streamed: true });
    expect(of(9)?.body).toMatch(/^\{"statusCode":418,.*\}\0{8}body$/);
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
