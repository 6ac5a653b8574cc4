import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256OfFile } from '../../../../src/core/digest.js';
import { SOURCE_DATE_EPOCH } from '../../../../src/core/source-date-epoch.js';
import { builtLayer, type BuiltLayer } from '../../../support/built-layer.js';
import { packageRoot, type Ended, type RunOptions } from '../../../support/cli.js';
import { composerPhar } from '../../../support/composer-phar.js';
import { functionPlace, type FunctionPlace } from '../../../support/function-cli.js';
import { realEngine } from '../../../support/real-engine.js';

// `layersmith package` as a user runs it, and what the bootstrap does with what it wrote.

const HELLO = `<?php
require __DIR__ . '/answer.php';
function hello($event) { return ['answer' => answer($event), 'linked' => array_map('basename', glob('/tmp/*/*'))]; }
`;
const ANSWER = "<?php function answer(array $event): string { return 'Hello ' . $event['name']; }\n";
const SITE =
  "<?php echo 'Hello ', json_encode(opcache_get_configuration()['directives']['opcache.file_cache_only']);\n";
const GREETING = `<?php
namespace Example\\Greeting;
final class Greeting { public function to(string $name): string { return "Welcome, $name!"; } }
`;
const PROJECT = {
  name: 'example/project',
  require: { 'example/greeting': '*' },
  config: { 'disable-tls': true, 'secure-http': false },
  repositories: [{ type: 'path', url: 'lib/greeting' }, { 'packagist.org': false }],
};

let php84: BuiltLayer;
let php74: BuiltLayer;
let lua: BuiltLayer;
let place: FunctionPlace;

beforeAll(async () => {
  php84 = await builtLayer('php/8.4');
  php74 = await builtLayer('php/7.4');
  lua = await builtLayer('lua/5.4');
  place = await functionPlace({
    'app/src/hello.php': HELLO,
    'app/src/answer.php': ANSWER,
    'app/src/broken.php': '<?php function (',
    'app/tests/test.php': '<?php',
    'app/notes.txt': 'notes',
    'app/.layersmithignore': 'tests/\n*.txt\n',
    'app/.git/HEAD': 'x',
    'project/composer.json': JSON.stringify(PROJECT),
    'project/lib/greeting/composer.json': JSON.stringify({
      ...{ name: 'example/greeting', version: '1.2.3' },
      autoload: { 'psr-4': { 'Example\\Greeting\\': 'src/' } },
    }),
    'project/lib/greeting/src/Greeting.php': GREETING,
    'greeter/hello.php':
      '<?php function hello($e) { return (new Example\\Greeting\\Greeting())->to($e["name"]); }',
    'site/public/index.php': SITE,
    'empty/.layersmithignore': '*\n',
    'bare/composer.json': '{}',
  });
});

afterAll(async () => {
  for (const one of [place, php84, php74, lua]) await one[Symbol.asyncDispose]();
});

function run(args: readonly string[], options: Partial<RunOptions> = {}): Promise<Ended> {
  return place.start(args, options).ended;
}

async function packed(output: string, ...args: readonly string[]): Promise<string> {
  const ended = await run(['package', 'function', 'app', '--output', output, ...args]);
  expect(ended).toMatchObject({ exitCode: 0 });
  return ended.stdout.trim();
}

function contentOf(zip: Buffer): Readonly<Record<string, Uint8Array>> {
  return Object.fromEntries(Object.entries(unzipSync(zip)).filter(([path]) => !path.endsWith('/')));
}

/** Unpacks a zip with the times that its files have in it. */
async function unpacked(zip: string, folder: string): Promise<string> {
  for (const [path, bytes] of Object.entries(contentOf(await readFile(zip)))) {
    const file = join(place.path, folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
    await utimes(file, SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH);
  }
  return folder;
}

async function answerOf(layers: readonly string[], code: string): Promise<{ answer: unknown; log: string }> {
  const args = ['--function', code, '--handler', 'hello', '--event', '{"name":"World"}'];
  const { exitCode, stdout, stderr } = await run(['invoke', ...layers, ...args]);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return { answer: stdout.startsWith('{') ? JSON.parse(stdout) : stdout, log: stderr };
}

const NOT_USED = '/var/task/.layersmith/opcache is not used: ';

test('the example packs a library and two functions, and runs both', async () => {
  const { endpoint } = await realEngine();
  const { stdout, stderr } = await promisify(execFile)(
    'sh',
    [join(packageRoot, 'examples', 'hello', 'run.sh'), php84.zip],
    { cwd: place.path, env: { ...process.env, DOCKER_HOST: endpoint } },
  );
  const [hello, goodbye = ''] = stdout.split('\n');
  expect(hello).toBe('Hello, World!');
  expect(JSON.parse(goodbye)).toMatchObject({ message: 'Goodbye, World!' });
  expect(stderr).not.toContain('is not used');
});

test('the example of a web application runs in each mode', async () => {
  const { endpoint } = await realEngine();
  const { stdout, stderr } = await promisify(execFile)(
    'sh',
    [join(packageRoot, 'examples', 'web', 'run.sh'), php84.zip],
    { cwd: place.path, env: { ...process.env, DOCKER_HOST: endpoint } },
  );
  expect(stdout).toContain('<h1>Hello, guest!</h1>');
  expect(stdout).toContain('HTTP/1.1 303 See Other');
  expect(stdout).toContain('{"batchItemFailures":[]}');
  expect(stdout).toContain('{"hello":"Ada","answers":3,');
  expect(stdout).toContain('{"exitCode":0,"output":"Hello, Ada!\\n"}');
  expect(stderr).toContain('message: one');
});

describe('a function', () => {
  test('has the files that are not ignored, and the compiled code of each PHP file', async () => {
    const ended = await run(['package', 'function', 'app', '--layer', php84.zip]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: `${join(place.path, 'dist', 'app.zip')}\n` });
    expect(ended.stderr).toContain('/var/task/src/broken.php could not be compiled');
    expect(ended.stderr).toContain('3 files, 2 of them compiled');
    const cache = '.layersmith/opcache';
    expect(Object.keys(contentOf(await readFile(ended.stdout.trim())))).toEqual([
      `${cache}/files/var/task/src/answer.php.bin`,
      `${cache}/files/var/task/src/hello.php.bin`,
      `${cache}/index.json`,
      `${cache}/uncached`,
      'php/conf.d/layersmith-opcache.ini',
      'src/answer.php',
      'src/broken.php',
      'src/hello.php',
    ]);
  });

  test.each([
    ['8.4', () => php84],
    ['7.4', () => php74],
  ])('has the same bytes elsewhere, at another time, of another user: PHP %s', async (_version, layer) => {
    const first = await packed('first.zip', '--layer', layer().zip);
    await cp(join(place.path, 'app'), join(place.path, 'elsewhere', 'app'), { recursive: true });
    await utimes(join(place.path, 'elsewhere', 'app', 'src', 'hello.php'), 1, 1);
    const second = await run(
      ['package', 'function', 'elsewhere/app', '--layer', layer().zip, '--output', 'second.zip'],
      { umask: '077', env: { TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8' } },
    );
    expect(await sha256OfFile(second.stdout.trim())).toBe(await sha256OfFile(first));
  });

  test('has the same bytes each time, also when it is compiled within a second', async () => {
    await place.write({ 'tiny/hello.php': '<?php function hello() { return 1; }' });
    const digests = new Set<string>();
    for (let count = 0; count < 8; count++) {
      const args = ['package', 'function', 'tiny', '--layer', php84.zip, '--output', 'tiny.zip', '--json'];
      const { stdout } = await run(args);
      digests.add((JSON.parse(stdout) as { readonly sha256: string }).sha256);
    }
    expect(digests.size).toBe(1);
  });

  test('needs no engine and has nothing compiled with --no-precompile', async () => {
    const args = ['package', 'function', 'app', '--no-precompile', '--output', 'plain.zip'];
    const ended = await run(args, { env: { DOCKER_HOST: 'unix:///nowhere' } });
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(Object.keys(contentOf(await readFile(ended.stdout.trim())))).toEqual([
      'src/answer.php',
      'src/broken.php',
      'src/hello.php',
    ]);
    const { answer, log } = await answerOf([php84.zip], ended.stdout.trim());
    expect(answer).toEqual({ answer: 'Hello World', linked: [] });
    expect(log).not.toContain('not used');
  });

  test.each([
    ['8.4', () => php84],
    ['7.4', () => php74],
  ])(
    'runs what was compiled, and never what was compiled of another file: PHP %s',
    async (version, layer) => {
      const zip = await packed('used.zip', '--layer', layer().zip);
      const folder = await unpacked(zip, `used-${version}`);
      const before = await answerOf([layer().zip], folder);
      expect(before.answer).toEqual({ answer: 'Hello World', linked: ['var'] });
      expect(before.log).not.toContain('not used');
      const other = ANSWER.replace('Hello', 'Goodbye');
      for (const [file, text] of [
        ['answer.php', other],
        ['hello.php', HELLO],
      ] as const)
        await writeFile(join(place.path, folder, 'src', file), text);
      // Of the old time: that PHP says the old word shows that it did not read the file.
      for (const file of ['answer.php', 'hello.php'])
        await utimes(join(place.path, folder, 'src', file), SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH);
      expect((await answerOf([layer().zip], folder)).answer).toMatchObject({ answer: 'Hello World' });
      await writeFile(join(place.path, folder, 'src', 'answer.php'), other);
      const after = await answerOf([layer().zip], folder);
      expect(after.answer).toMatchObject({ answer: 'Goodbye World' });
      expect(after.log).toContain(`${NOT_USED}/var/task/src/answer.php is not the file`);
      // Another file than the one that stands for all of them.
      await utimes(join(place.path, folder, 'src', 'answer.php'), SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH);
      await writeFile(
        join(place.path, folder, 'src', 'hello.php'),
        HELLO.replace("'answer' =>", "'changed' =>"),
      );
      expect((await answerOf([layer().zip], folder)).answer).toMatchObject({ changed: 'Hello World' });
    },
  );

  test.each([
    ['8.4', () => php84],
    ['7.4', () => php74],
  ])('runs what was compiled in web mode, and keeps it in shared memory: PHP %s', async (version, layer) => {
    const output = ['--output', `site-${version}.zip`, '--layer', layer().zip];
    const ended = await run(['package', 'function', 'site', ...output]);
    const folder = await unpacked(ended.stdout.trim(), `site-${version}`);
    const request = ['--function', folder, '--handler', 'public/index.php', '--http', 'GET /'];
    const page = async (): Promise<string> => (await run(['invoke', layer().zip, ...request])).stdout;
    expect(await page()).toContain('Hello false');
    const file = join(place.path, folder, 'public', 'index.php');
    await writeFile(file, SITE.replace('Hello', 'Goodbye'));
    // Of the old time: that PHP says the old word shows that it did not read the file.
    await utimes(file, SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH);
    expect(await page()).toContain('Hello false');
    await writeFile(file, SITE.replace('Hello', 'Goodbye'));
    expect(await page()).toContain('Goodbye false');
  });

  test('runs on another layer without the compiled code, with a line in the log', async () => {
    const zip = await packed('other.zip', '--layer', php84.zip);
    const { answer, log } = await answerOf([php74.zip], zip);
    expect(answer).toEqual({ answer: 'Hello World', linked: [] });
    expect(log).toMatch(new RegExp(`${NOT_USED}.*another layer: php/8\\.4 8\\.4\\.24`));
  });

  test('does not contain its own output or the layer in its folder', async () => {
    await place.write({ 'self/hello.php': HELLO });
    await cp(php84.zip, join(place.path, 'self', 'dist', 'php.zip'));
    const cwd = join(place.path, 'self');
    const first = await run(['package', 'function', '.', '--layer', 'dist/php.zip'], { cwd });
    expect(first.stdout).toBe(`${join(cwd, 'dist', 'self.zip')}\n`);
    const sha256 = await sha256OfFile(first.stdout.trim());
    const second = await run(['package', 'function', '.', '--layer', 'dist/php.zip'], { cwd });
    expect(await sha256OfFile(second.stdout.trim())).toBe(sha256);
    expect(second.stderr).toContain('1 file, 1 of them compiled');
  });

  test('can be packed again from its own zip, without the earlier compiled code', async () => {
    const zip = await packed('again.zip', '--layer', php84.zip);
    const folder = await unpacked(zip, 'again');
    const ended = await run(['package', 'function', folder, '--layer', php84.zip, '--output', 'anew.zip']);
    expect(await sha256OfFile(ended.stdout.trim())).toBe(await sha256OfFile(zip));
  });
});

describe('a vendor layer', () => {
  test('has what Composer installs on the PHP of the layer, with the same bytes each time', async () => {
    const phar = await composerPhar(php84.zip);
    const args = [
      'package',
      'vendor',
      'project',
      '--layer',
      php84.zip,
      '--composer',
      phar,
      '--offline',
      '--json',
    ];
    const first = await run([...args, '--output', 'vendor.zip']);
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.stderr).toContain('has no composer.lock');
    const result = JSON.parse(first.stdout) as { readonly path: string; readonly sha256: string };
    const second = await run([...args, '--output', 'vendor2.zip']);
    expect(JSON.parse(second.stdout)).toMatchObject({ sha256: result.sha256 });
    const files = contentOf(await readFile(result.path));
    expect(files['vendor/example/greeting/src/Greeting.php']).toEqual(new Uint8Array(Buffer.from(GREETING)));
    expect(Object.keys(files)).toContain('share/layersmith/opcache/files/opt/vendor/autoload.php.bin');
    expect(Object.keys(files).filter((path) => path.includes('composer.phar'))).toEqual([]);
    const record = JSON.parse(await readFile(join(place.path, 'vendor.manifest.json'), 'utf8')) as unknown;
    expect(record).toMatchObject({
      ...{ kind: 'vendor', platform: 'provided.al2023', architecture: 'x86_64' },
      layer: { file: 'vendor.zip', sha256: result.sha256 },
      runtime: { recipe: 'php/8.4', version: expect.stringMatching(/^8\.4\.\d+$/) as string },
      audit: { platform: 'provided.al2023' },
      smokeTests: { programs: 1 },
    });
    const { answer, log } = await answerOf([php84.zip, result.path], 'greeter');
    expect(answer).toBe('Welcome, World!');
    expect(log).not.toContain('not used');
  });

  test("shows Composer's own message when it fails", async () => {
    const phar = await composerPhar(php84.zip);
    await place.write({
      'wrong/composer.json': JSON.stringify({
        ...PROJECT,
        require: { 'example/greeting': '^9' },
        repositories: [{ 'packagist.org': false }],
      }),
    });
    const ended = await run([
      'package',
      'vendor',
      'wrong',
      '--layer',
      php84.zip,
      '--composer',
      phar,
      '--offline',
    ]);
    expect(ended).toMatchObject({ exitCode: 72, stdout: '' });
    expect(ended.stderr).toContain('composer install failed: it ended with status 2');
    expect(ended.stderr).toContain('Root composer.json requires example/greeting');
  });

  test('is refused when its autoloader does not load, and when a link leaves it', async () => {
    await place.write({ 'dead/vendor/autoload.php': '<?php require __DIR__ . "/gone.php";' });
    const dead = await run(['package', 'vendor', 'dead', '--layer', php84.zip]);
    expect(dead).toMatchObject({ exitCode: 72 });
    expect(dead.stderr).toContain('loading vendor/autoload.php failed');
    await place.write({ 'linked/vendor/autoload.php': '<?php', 'linked/lib/x.php': '<?php' });
    await symlink('../lib', join(place.path, 'linked', 'vendor', 'lib'));
    const linked = await run(['package', 'vendor', 'linked', '--no-precompile']);
    expect(linked).toMatchObject({ exitCode: 73 });
    expect(linked.stderr).toContain('vendor/lib links to ../lib, which is outside the layer');
    expect(linked.stderr).toContain('COMPOSER_MIRROR_PATH_REPOS=1');
  });
});

test.each([
  ['no layer', () => ['function', 'app'], 'no layer given whose PHP compiles the package'],
  [
    'a layer of Lua',
    () => ['function', 'app', '--layer', lua.zip],
    'is a layer of lua/5.4: only packages for PHP',
  ],
  ['no such folder', () => ['function', 'gone', '--no-precompile'], 'does not exist'],
  ['a file', () => ['function', 'app/notes.txt', '--no-precompile'], 'is neither a folder nor a zip'],
  ['nothing left', () => ['function', 'empty', '--no-precompile'], '.layersmithignore excludes all files of'],
  ['no vendor', () => ['vendor', 'bare', '--no-precompile'], 'has no vendor/autoload.php'],
  [
    'Composer without a layer',
    () => ['vendor', 'project', '--composer', 'c.phar', '--no-precompile'],
    'no layer given whose PHP',
  ],
  [
    'no phar',
    () => ['vendor', 'project', '--composer', 'app/notes.txt', '--layer', php84.zip],
    'is not a phar',
  ],
])('%s is refused with what to do', async (_what, args, said) => {
  const ended = await run(['package', ...args()]);
  expect(ended).toMatchObject({ exitCode: 64, stdout: '' });
  expect(ended.stderr).toContain(said);
  expect(ended.stderr).toMatch(/\n {2}→ \S/);
});
