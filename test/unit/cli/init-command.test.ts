import { readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { findProject } from '../../../src/definition/project.js';
import type { LayerDefinition } from '../../../src/definition/layer-definition.js';
import { fakeIo } from '../../support/fake-io.js';
import { extensionYaml, interpreterYaml, lineYaml, recipeFolder } from '../../support/recipe-files.js';
import type { TemporaryFolder } from '../../support/temporary-folder.js';

/** A project in `shop/`, and an installation of layersmith with made-up recipes beside it. */
let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await recipeFolder({});
  const recipes = {
    'stage.sh': '',
    'php/package.yaml': interpreterYaml('8.2', ['json', 'mbstring', 'opcache']),
    'php/build.sh': '',
    'php/extension.sh': '',
    'php/7.4.yaml': lineYaml('7.4.33'),
    'php/8.2.yaml': lineYaml('8.2.32'),
    'php/8.4.yaml': lineYaml('8.4.24'),
    'redis/package.yaml': extensionYaml(['order: 30']),
    'redis/build.sh': '',
    'redis/6.yaml': lineYaml('6.2.0'),
    'pdo_pgsql/package.yaml': extensionYaml(['bundled: true']),
    'pdo_pgsql/build.sh': '',
    'xdebug/package.yaml': extensionYaml(['zend: true']),
    'xdebug/build.sh': '',
    'xdebug/3.yaml': `${lineYaml('3.2.0')}supports: { before: '8.3' }\n`,
  };
  await folder.write({
    ...Object.fromEntries(Object.entries(recipes).map(([path, text]) => [`app/recipes/${path}`, text])),
    'app/platforms/x': '',
    'shop/x': '',
  });
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

interface Result {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The file that was written. */
  readonly text: string;
  readonly layers: readonly LayerDefinition[];
}

/** Runs `layersmith init` in a project with these files. */
async function init(files: Readonly<Record<string, unknown>>, args: readonly string[] = []): Promise<Result> {
  await folder.write(
    Object.fromEntries(
      Object.entries(files).map(([name, content]) => [
        `shop/${name}`,
        typeof content === 'string' ? content : JSON.stringify(content),
      ]),
    ),
  );
  const cwd = join(folder.path, 'shop');
  const io = fakeIo(folder.path, { cwd, packageRoot: join(folder.path, 'app') });
  const exitCode = await run(['init', ...args], io);
  const text = await readFile(join(cwd, 'layersmith.yaml'), 'utf8').catch(() => '');
  const layers = exitCode === 0 ? (await findProject(cwd)).layers : [];
  return { exitCode, stdout: io.stdout(), stderr: io.stderr(), text, layers };
}

test('the layer has the newest line of PHP that all packages accept, and the extensions that they ask for', async () => {
  const { exitCode, stdout, stderr, text, layers } = await init({
    'composer.json': {
      name: 'acme/web-shop',
      require: { php: '>=7.4', 'ext-redis': '^6.0', 'ext-json': '*', 'acme/thing': '^1' },
      'require-dev': { 'ext-xdebug': '*' },
    },
    'composer.lock': {
      packages: [
        { name: 'acme/thing', require: { php: '~8.2.0 || ^7.4', 'ext-PDO_pgsql': '*', 'ext-redis': '*' } },
        { name: 'acme/other', require: { 'ext-zend-opcache': '*', 'ext-mbstring': '*' } },
      ],
      'packages-dev': [{ name: 'acme/dev', require: { php: '^7.4', 'ext-xdebug': '*' } }],
      platform: { php: '>=7.4', 'ext-redis': '^6.0' },
      'platform-dev': [],
    },
  });
  expect({ exitCode, stdout }).toEqual({
    exitCode: 0,
    stdout: `${join(folder.path, 'shop', 'layersmith.yaml')}\n`,
  });
  expect(stderr).not.toContain('warning');
  expect(layers).toMatchObject([
    {
      name: 'web-shop',
      base: { package: 'php', line: '8.2' },
      extensions: [{ package: 'pdo_pgsql' }, { package: 'redis' }],
      platforms: [{ name: 'provided.al2023' }],
      architectures: ['x86_64'],
    },
  ]);
  const [first, ...others] = text.split('\n');
  expect(first).toBe('# yaml-language-server: $schema=../app/schemas/layersmith.json');
  expect(others).toContain('      - redis # composer.json, acme/thing');
  expect(others).toContain('    # Asked for, and compiled in: json, mbstring, opcache.');
});

test('without a constraint on PHP it is the default line', async () => {
  const { layers } = await init({ 'composer.json': { require: {} } });
  expect(layers).toMatchObject([{ name: 'shop', base: { package: 'php', line: '8.2' }, extensions: [] }]);
});

test('what cannot be had is named in the file and on stderr, with the nearest names and the reason', async () => {
  const { exitCode, stderr, text, layers } = await init({
    'composer.json': {
      require: { php: '^8.3', 'ext-reddis': '*', 'ext-xdebug': '*' },
    },
  });
  expect(exitCode).toBe(0);
  expect(layers).toMatchObject([{ base: { line: '8.4' }, extensions: [] }]);
  for (const where of [text, stderr]) {
    expect(where).toMatch(/reddis.*Did you mean redis\?/);
    expect(where).toMatch(/xdebug.*supports php\/8\.4 8\.4\.24/);
  }
});

test('an extension that a package of the project replaces is not missed', async () => {
  const { stderr, text } = await init({
    'composer.json': { require: { 'ext-iconv': '*' } },
    'composer.lock': { packages: [{ name: 'acme/polyfill', provide: { 'ext-iconv': '*' } }] },
  });
  expect(stderr).not.toContain('iconv');
  expect(text).not.toContain('iconv');
});

test('a constraint that no line satisfies is told, and the default line is written', async () => {
  const { exitCode, stderr, text, layers } = await init({
    'composer.json': { require: { php: '^9.0' } },
    'composer.lock': { packages: [{ name: 'acme/old', require: { php: '^8.0' } }] },
  });
  expect(exitCode).toBe(0);
  expect(layers).toMatchObject([{ base: { line: '8.2' } }]);
  expect(stderr).toContain('composer.json needs PHP ^9.0; the layer has php/8.2');
  expect(stderr).not.toContain('acme/old');
  expect(text).toContain('    # composer.json needs PHP ^9.0\n');
});

test('composer.lock alone says enough, also with the empty lists that PHP writes', async () => {
  const { layers } = await init({
    'composer.lock': { packages: [], platform: { php: '^7.4', 'ext-redis': '*' }, 'packages-dev': [] },
  });
  expect(layers).toMatchObject([{ base: { line: '7.4' }, extensions: [{ package: 'redis' }] }]);
});

test('without Composer it is an example, with every key that a user may want', async () => {
  const { exitCode, stderr, text, layers } = await init({});
  expect(exitCode).toBe(0);
  expect(stderr).toContain('no composer.json');
  expect(layers).toMatchObject([{ name: 'shop', base: { package: 'php', line: '8.2' }, extensions: [] }]);
  for (const key of ['extensions:', 'platforms:', 'architectures:', 'ini:', 'files:'])
    expect(text).toContain(key);
  // What is commented out is valid, too.
  const all = text.replace(/^ {4}# (ini:| {2}memory_limit|files:| {2}etc)/gm, '    $1');
  await folder.write({ 'shop/layersmith.yaml': all });
  expect((await findProject(join(folder.path, 'shop'))).layers).toMatchObject([
    { ini: { memory_limit: '512M' }, files: [{ path: 'etc/app/ca.pem' }] },
  ]);
});

test.each([
  ['acme/42', '42'],
  ['acme/null', 'null'],
  ['acme/Große Kiste!', 'gro-e-kiste'],
  ['acme/---', 'app'],
])('the layer of %s is called %s', async (name, expected) => {
  const { layers } = await init({ 'composer.json': { name } });
  expect(layers.map((layer) => layer.name)).toEqual([expected]);
});

test('nothing in the names of a project gets out of its comment', async () => {
  const { exitCode, stderr, layers } = await init({
    'composer.json': {
      require: { php: '^9\n    ini: { a: b }', 'ext-x\nlayers:': '*', 'ext-\u001b[31mred': '*' },
    },
  });
  expect(exitCode).toBe(0);
  expect(layers).toMatchObject([{ ini: {}, extensions: [] }]);
  expect(stderr).not.toContain('\u001b');
});

test('an existing file stays as it is, even if it is a link to nothing', async () => {
  const { exitCode, stdout, stderr, text } = await init({ 'layersmith.yaml': '# mine\n' });
  expect({ exitCode, stdout, text }).toEqual({ exitCode: 64, stdout: '', text: '# mine\n' });
  expect(stderr).toContain('exists already');
  await folder.write({ 'linked/x': '' });
  await symlink('nowhere', join(folder.path, 'linked', 'layersmith.yaml'));
  expect((await init({}, ['../linked'])).exitCode).toBe(64);
});

test('another folder can be named; nothing but the file is left in it', async () => {
  await folder.write({ 'blog/composer.json': '{}' });
  const { exitCode, stdout, text } = await init({}, ['../blog', '--json']);
  expect({ exitCode, text }).toEqual({ exitCode: 0, text: '' });
  expect(JSON.parse(stdout)).toMatchObject({
    name: 'blog',
    base: 'php/8.2',
    extensions: [],
    unavailable: [],
  });
  expect((await readdir(join(folder.path, 'blog'))).sort()).toEqual(['composer.json', 'layersmith.yaml']);
});

test.each([
  ['{', /composer\.json/],
  [{ require: { php: 8 } }, /composer\.json: require/],
])('a composer.json that is none is told, and nothing is written: %j', async (content, message) => {
  const { exitCode, stderr, text } = await init({ 'composer.json': content });
  expect({ exitCode, text }).toEqual({ exitCode: 64, text: '' });
  expect(stderr).toMatch(message);
});

test('a folder that is not there is a usage error', async () => {
  expect((await init({}, ['../none'])).exitCode).toBe(64);
});

test('an older line is chosen that has all of the extensions, before a newer one that lacks some', async () => {
  const { layers } = await init({ 'composer.json': { require: { php: '^8.1', 'ext-xdebug': '*' } } });
  expect(layers[0]?.base).toEqual({ package: 'php', line: '8.2' });
  expect(layers[0]?.extensions.map((extension) => extension.package)).toEqual(['xdebug']);
});
