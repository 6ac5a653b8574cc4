import { randomUUID } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readZip } from '../../../../src/tree/zip-reader.js';
import { startCli, type Ended } from '../../../support/cli.js';
import { realEngine } from '../../../support/real-engine.js';
import { temporaryFolder, type TemporaryFolder } from '../../../support/temporary-folder.js';

// Layers of a layersmith.yaml, with built-in extensions and one of the project's own, as a user builds them.

const EXTENSIONS = ['intl', 'gd', 'redis', 'igbinary', 'apcu', 'pdo_pgsql', 'xsl'];

function projectFile(extensions: readonly string[]): string {
  return `layers:
  shop:
    base: php/8.4
    extensions: [${extensions.join(', ')}]
    ini: { memory_limit: 512M, date.timezone: Europe/Berlin }
    files: { etc/ssl/extra.pem: certs/extra.pem }
  worker:
    base: php/8.4
    extensions: [redis]
`;
}

/** An extension with one function. `body` is what the function does. */
function helloSource({ body = 'RETURN_STRING("hello");', more = '' } = {}): string {
  // It is like no source before, so that the store of an earlier run does not have what is made of it.
  return `/* ${randomUUID()} */
#include "php.h"
${more}
ZEND_BEGIN_ARG_INFO_EX(arginfo_greeting, 0, 0, 0)
ZEND_END_ARG_INFO()
PHP_FUNCTION(greeting) { ZEND_PARSE_PARAMETERS_NONE(); ${body} }
static const zend_function_entry functions[] = { PHP_FE(greeting, arginfo_greeting) PHP_FE_END };
zend_module_entry hello_module_entry = {
  STANDARD_MODULE_HEADER, "hello", functions, NULL, NULL, NULL, NULL, NULL, "1.0", STANDARD_MODULE_PROPERTIES
};
ZEND_GET_MODULE(hello)
`;
}

const HELLO = {
  'recipes/hello/package.yaml': `kind: extension
summary: Says hello
license: MIT
extension: { of: php }
smoke:
  programs:
    - { name: used, run: [/opt/bin/php, -r, 'echo greeting();'], stdout: [hello] }
`,
  'recipes/hello/1.yaml': "version: '1.0'\nsources: {}\n",
  'recipes/hello/build.sh': `cp /build/recipe/{config.m4,hello.c,LICENSE} .
source /build/recipe/extension.sh
build_extension --enable-hello
`,
  'recipes/hello/config.m4': `PHP_ARG_ENABLE([hello], [whether to enable hello], [AS_HELP_STRING([--enable-hello], [hello])])
PHP_NEW_EXTENSION(hello, hello.c, $ext_shared)
`,
  'recipes/hello/hello.c': helloSource(),
  'recipes/hello/LICENSE': 'MIT\n',
};

let folder: TemporaryFolder;
let endpoint: string;
let built: Ended;

beforeAll(async () => {
  endpoint = (await realEngine()).endpoint;
  folder = await temporaryFolder();
  await folder.write({
    'layersmith.yaml': projectFile(EXTENSIONS),
    'certs/extra.pem': 'a certificate\n',
    ...HELLO,
  });
  built = await layersmith('build', '--toolchain', 'debian');
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

function layersmith(...args: readonly string[]): Promise<Ended> {
  return startCli(args, { cwd: folder.path, env: { DOCKER_HOST: endpoint } }).ended;
}

async function manifestOf(layer: string): Promise<Record<string, unknown>> {
  const names = await readdir(join(folder.path, 'dist'));
  const name = names.find((each) => each.startsWith(`${layer}-`) && each.endsWith('.manifest.json')) ?? '';
  return JSON.parse(await readFile(join(folder.path, 'dist', name), 'utf8')) as Record<string, unknown>;
}

test('every layer of the file is built and tested, with the extensions in the order in which they are loaded', async () => {
  expect(built, built.stderr).toMatchObject({ exitCode: 0 });
  const zips = built.stdout.trimEnd().split('\n');
  expect(zips.map((zip) => zip.replace(/^.*\/dist\/|-8\.4\.\d+-/g, ' ').trim())).toEqual([
    'shop provided.al2023-x86_64.zip',
    'worker provided.al2023-x86_64.zip',
  ]);
  // igbinary comes before redis, which calls it, and into a layer that names redis alone.
  expect((await manifestOf('shop'))['extensions']).toEqual([
    'apcu/5',
    'gd/8.4',
    'igbinary/3',
    'intl/8.4',
    'pdo_pgsql/8.4',
    'php-lambda/8.4',
    'xsl/8.4',
    'redis/6',
  ]);
  expect((await manifestOf('worker'))['extensions']).toEqual(['igbinary/3', 'php-lambda/8.4', 'redis/6']);
});

test('the layer has modules, settings, added files and the licenses of every stage, and nothing that compiles', async () => {
  const [zip = ''] = built.stdout.split('\n');
  await using layer = await readZip(zip, { tmpDir: folder.path });
  const paths = layer.entries.filter(({ type }) => type === 'file').map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'etc/php/conf.d/20-igbinary.ini',
      'etc/php/conf.d/30-redis.ini',
      'etc/php/conf.d/90-layer.ini',
      'etc/ssl/extra.pem',
      'lib/php/extensions/gd.so',
    ]),
  );
  expect(paths.filter((path) => /\.(h|a|m4)$|phpize/.test(path))).toEqual([]);
  const licensed = new Set(paths.flatMap((path) => /^share\/licenses\/([^/]+)\//.exec(path)?.[1] ?? []));
  const { stages } = (await manifestOf('shop')) as { stages: { package: string }[] };
  expect(stages.filter((stage) => !licensed.has(stage.package))).toEqual([]);
});

test('the bill of materials has the extensions and their libraries', async () => {
  const names = await readdir(join(folder.path, 'dist'));
  const sbom = names.find((name) => /^shop-.*\.cdx\.json$/.test(name)) ?? '';
  const { components, dependencies } = JSON.parse(
    await readFile(join(folder.path, 'dist', sbom), 'utf8'),
  ) as { components: { name: string }[]; dependencies: { ref: string; dependsOn: string[] }[] };
  expect(components.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'php',
      'redis',
      'igbinary',
      'gd',
      'libpng',
      'intl',
      'icu',
      'pdo_pgsql',
      'libpq',
      'libxslt',
    ]),
  );
  expect(dependencies.find(({ ref }) => ref === 'redis/6')?.dependsOn).toEqual(['igbinary/3', 'php/8.4']);
});

test('a function sees the settings and extensions of the layer, and may override the settings', async () => {
  await folder.write({
    'app/src/hello.php': `<?php return fn () => [ini_get('memory_limit'), date_default_timezone_get(), extension_loaded('redis')];\n`,
    'app/php/conf.d/own.ini': 'memory_limit = 1G\n',
  });
  const ended = await layersmith(
    'invoke',
    'shop',
    '--function',
    'app',
    '--handler',
    'hello',
    '--memory',
    '512',
  );
  expect(ended, ended.stderr).toMatchObject({ exitCode: 0, stdout: '["1G","Europe/Berlin",true]' });
});

test('test, audit and diff take the names of the file', async () => {
  const tested = await layersmith('test', 'shop', '--toolchain', 'debian');
  expect(tested, tested.stderr).toMatchObject({ exitCode: 0 });
  expect(await layersmith('audit', 'shop')).toMatchObject({ exitCode: 0 });
  const { stdout } = await layersmith('diff', 'worker', 'shop');
  expect(stdout).toMatch(/^ *\+ gd 8\.4\.\d+$/m);
});

test('an extension of the project compiles alone, and everything else comes from the store', async () => {
  await folder.write({ 'layersmith.yaml': projectFile([...EXTENSIONS, 'hello']) });
  const again = await layersmith('build', 'shop', '--toolchain', 'debian');
  expect(again, again.stderr).toMatchObject({ exitCode: 0 });
  const started = [...again.stderr.matchAll(/^(\S+): started/gm)].map(([, name]) => name);
  expect(started.filter((name) => name?.includes('/'))).toEqual(['hello/1']);
});

test.each([
  [
    'that does not do what its smoke test wants',
    helloSource({ body: 'RETURN_STRING("bye");' }),
    /hello: used.*did not print "hello"/,
  ],
  [
    'that calls a function which nothing defines',
    helloSource({ more: 'extern int nowhere(void);', body: 'RETURN_LONG(nowhere());' }),
    /lib\/php\/extensions\/hello\.so: nothing in the layer or on the platform defines nowhere/,
  ],
  [
    'that exports a second copy of what PHP exports',
    helloSource({ more: '__attribute__((visibility("default"))) void xmlFreeDoc(void *doc) { (void)doc; }' }),
    /hello\.so: exports xmlFreeDoc, as bin\/php does/,
  ],
])('an extension %s is refused, and the layer before it stays', async (_, source, message) => {
  await folder.write({ 'recipes/hello/hello.c': source });
  const before = await readdir(join(folder.path, 'dist'));
  const { exitCode, stdout, stderr } = await layersmith(
    'build',
    'php/8.4',
    '--with',
    'hello',
    '--toolchain',
    'debian',
  );
  expect(exitCode, stderr).not.toBe(0);
  expect(stdout).toBe('');
  expect(stderr).toMatch(message);
  expect(await readdir(join(folder.path, 'dist'))).toEqual(before);
});
