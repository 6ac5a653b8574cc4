import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { startCli, type Ended } from '../../support/cli.js';
import { composerPhar } from '../../support/composer-phar.js';
import { functionPlace, type FunctionPlace } from '../../support/function-cli.js';

// Composer is the judge of the layer that `init` chooses for a project: it refuses to install packages on a PHP without
// what they require.

/** Like the one of a web framework: mostly what every PHP has, and one extension with a recipe of its own. */
const FRAMEWORK = {
  ...{ name: 'example/framework', version: '1.2.3', type: 'library' },
  require: {
    ...{
      php: '>=8.2',
      'ext-apcu': '*',
      'ext-ctype': '*',
      'ext-dom': '*',
      'ext-fileinfo': '*',
      'ext-filter': '*',
    },
    ...{ 'ext-hash': '*', 'ext-iconv': '*', 'ext-mbstring': '*', 'ext-openssl': '*', 'ext-pdo_sqlite': '*' },
    ...{ 'ext-session': '*', 'ext-tokenizer': '*', 'ext-xml': '*' },
  },
};
const SHOP = {
  name: 'example/shop',
  // Lines of PHP that come later change nothing here.
  require: { php: '~8.4.0', 'ext-curl': '*', 'example/framework': '^1.2' },
  config: { 'disable-tls': true, 'secure-http': false },
  repositories: [{ type: 'path', url: 'lib/framework' }, { 'packagist.org': false }],
};
const LOCK = {
  packages: [{ ...FRAMEWORK, dist: { type: 'path', url: 'lib/framework', reference: 'one' } }],
  'packages-dev': [],
  ...{ aliases: [], 'minimum-stability': 'stable', 'stability-flags': [], 'content-hash': 'of no meaning' },
  ...{ 'prefer-stable': false, 'prefer-lowest': false },
  platform: { php: '~8.4.0', 'ext-curl': '*' },
  'platform-dev': [],
};

let plain: BuiltLayer;
let place: FunctionPlace;

beforeAll(async () => {
  plain = await builtLayer('php/8.4');
  place = await functionPlace({
    'composer.json': JSON.stringify(SHOP),
    'composer.lock': JSON.stringify(LOCK),
    'lib/framework/composer.json': JSON.stringify(FRAMEWORK),
    'lib/framework/src/Framework.php': '<?php',
  });
});

afterAll(async () => {
  for (const one of [place, plain]) await one[Symbol.asyncDispose]();
});

/** `composer install` with the PHP of a layer. */
async function installed(layer: string): Promise<Ended> {
  const phar = await composerPhar(plain.zip);
  return place.start([
    'package',
    'vendor',
    '.',
    '--composer',
    phar,
    '--layer',
    layer,
    '--no-precompile',
    '--offline',
  ]).ended;
}

test('Composer installs a project on the layer that init chooses, and not on PHP alone', async () => {
  const { exitCode, stderr } = await startCli(['init'], { cwd: place.path, env: {} }).ended;
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  const built = await place.start(['build']).ended;
  expect(built).toMatchObject({ exitCode: 0 });
  expect(built.stdout).toContain('/shop-8.4.');

  expect(await installed(built.stdout.trim())).toMatchObject({ exitCode: 0 });

  const refused = await installed(plain.zip);
  expect(refused).toMatchObject({ exitCode: 72, stdout: '' });
  expect(refused.stderr).toContain('ext-apcu');
  expect(refused.stderr).not.toContain('ext-mbstring');
});
