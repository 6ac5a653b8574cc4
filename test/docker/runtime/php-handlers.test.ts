import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { openTestFunction } from '../../support/local-function.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// From the handler's name to code, and what is said when there is none, on real layers in real containers.

/** As Composer writes it, for one project. */
function autoloader(project: string, classes: Readonly<Record<string, string>>): string {
  const map = Object.entries(classes).map(([name, file]) => `'${name}' => __DIR__ . '/${file}'`);
  return `<?php
class ComposerAutoloaderInit${project} {
    public static $loaded = 0;
}
ComposerAutoloaderInit${project}::$loaded++;
spl_autoload_register(static function (string $class): void {
    $files = [${map.join(', ')}];
    if (isset($files[$class])) {
        require $files[$class];
    }
}, true, true);
`;
}

const GREETER = `<?php
namespace App;
final class Greeter {
    private $made = 0;
    public function __construct() { $this->made++; }
    public function __invoke(array $event): string { return "invoked " . $event['name'] . $this->made; }
    public function greet(array $event, \\Layersmith\\Context $context): string { return "greeted " . $event['name']; }
    public static function hail(array $event): string { return "hailed " . $event['name']; }
    private function secret() {}
}
`;

describe.each(['php/8.4', 'php/7.4'])('handlers of %s', (recipe) => {
  let layer: BuiltLayer;

  beforeAll(async () => {
    layer = await builtLayer(recipe);
  });

  afterAll(() => layer[Symbol.asyncDispose]());

  async function answer(
    handler: string,
    files: Readonly<Record<string, string>>,
    more: { layers?: readonly string[] } = {},
  ): Promise<{ text: string; errorType: string | undefined; errorMessage: string; log: readonly string[] }> {
    await using fn = await openTestFunction({ layers: [layer.zip, ...(more.layers ?? [])], files, handler });
    const outcome = await fn.invoke({ event: Buffer.from('{"name":"Ada"}') });
    return {
      text: outcome.payload.toString(),
      errorType: outcome.error?.errorType,
      errorMessage: outcome.error?.errorMessage ?? '',
      log: fn.log,
    };
  }

  const vendor = {
    'vendor/autoload.php': autoloader('one', { 'App\\\\Greeter': '../lib/Greeter.php' }),
    'lib/Greeter.php': GREETER,
  };

  test.each<[string, string, Record<string, string>, string]>([
    [
      'a function in src',
      'hello',
      { 'src/hello.php': '<?php function hello($e) { return "src " . $e["name"]; }' },
      'src Ada',
    ],
    [
      'a function beside src',
      'hello',
      { 'hello.php': '<?php function hello($e) { return "root " . $e["name"]; }' },
      'root Ada',
    ],
    [
      'a function in a folder',
      'api/users',
      { 'src/api/users.php': '<?php function users() { return "users"; }' },
      'users',
    ],
    [
      'file.function',
      'api/users.list_all',
      { 'api/users.php': '<?php function list_all($e) { return "all " . $e["name"]; }' },
      'all Ada',
    ],
    [
      'file.function below src',
      'users.sort',
      { 'src/users.php': '<?php namespace N; function sort($e) { return "own sort"; }' },
      'own sort',
    ],
    [
      'a file that returns a closure',
      'index.php',
      { 'index.php': '<?php return function ($e, $c) { return $c->functionName; };' },
      'function',
    ],
    [
      'a file that returns an object',
      'hello',
      { 'src/hello.php': '<?php return new class { function __invoke($e) { return "object"; } };' },
      'object',
    ],
    [
      "a file that returns PHP's own function",
      'hello',
      { 'src/hello.php': '<?php return "json_encode";' },
      '{"name":"Ada"}',
    ],
    ['an invokable class', 'App\\Greeter', vendor, 'invoked Ada1'],
    ['Class@method', 'App\\Greeter@greet', vendor, 'greeted Ada'],
    ['a static method', 'App\\Greeter@hail', vendor, 'hailed Ada'],
  ])('%s', async (_name, handler, files, expected) => {
    expect(await answer(handler, files)).toMatchObject({ text: expected });
  });

  test('classes come from a vendor layer too, and the function’s own come first', async () => {
    await using folder = await temporaryFolder();
    await folder.write({
      'vendor/autoload.php': autoloader('layer', {
        'App\\\\Greeter': '../lib/Greeter.php',
        Both: '../lib/Both.php',
      }),
      'lib/Greeter.php': GREETER,
      'lib/Both.php': '<?php final class Both { const FROM = "layer"; }',
    });
    const layers = [folder.path];
    expect(await answer('App\\Greeter@greet', { 'src/x.php': '<?php' }, { layers })).toMatchObject({
      text: 'greeted Ada',
    });
    const own = {
      'vendor/autoload.php': autoloader('function', { Both: '../lib/Both.php' }),
      'lib/Both.php': '<?php final class Both { const FROM = "function"; }',
      'src/which.php': '<?php function which() { return Both::FROM . get_class(new App\\Greeter); }',
    };
    expect(await answer('which', own, { layers })).toMatchObject({ text: 'functionApp\\Greeter' });
    // The same project in both: loading it twice would be a fatal error.
    const same = {
      'vendor/autoload.php': autoloader('layer', { Both: '../lib/Both.php' }),
      'src/which.php': '<?php function which() { return (string) ComposerAutoloaderInitlayer::$loaded; }',
    };
    expect(await answer('which', same, { layers })).toMatchObject({ text: '1' });
  });

  test.each<[string, string, Record<string, string>, string, RegExp]>([
    [
      'no file',
      'nope',
      { 'src/x.php': '<?php' },
      'Runtime.ImportModuleError',
      /^handler nope: there is no file \/var\/task\/src\/nope\.php nor \/var\/task\/nope\.php$/,
    ],
    [
      'no file for file.function',
      'a/b.c',
      { 'src/x.php': '<?php' },
      'Runtime.ImportModuleError',
      /\/var\/task\/a\/b\.php nor \/var\/task\/src\/a\/b\.php$/,
    ],
    [
      'no function',
      'x',
      { 'src/x.php': '<?php function y() {}' },
      'Runtime.HandlerNotFound',
      /src\/x\.php neither returns a callable nor defines the function x$/,
    ],
    [
      "PHP's own function of that name",
      'sort',
      { 'src/sort.php': '<?php' },
      'Runtime.HandlerNotFound',
      /defines the function sort$/,
    ],
    [
      'no class, no autoloader',
      'App\\No@x',
      { 'src/x.php': '<?php' },
      'Runtime.HandlerNotFound',
      /there is no class App\\No: there is no vendor\/autoload\.php in the function or in \/opt$/,
    ],
    [
      'no class',
      'App\\No@x',
      vendor,
      'Runtime.HandlerNotFound',
      /no class App\\No: not in \/var\/task\/vendor\/autoload\.php$/,
    ],
    ['no method', 'App\\Greeter@no', vendor, 'Runtime.HandlerNotFound', /no public method no$/],
    [
      'a private method',
      'App\\Greeter@secret',
      vendor,
      'Runtime.HandlerNotFound',
      /no public method secret$/,
    ],
    [
      'a way out of the task root',
      '../opt/x',
      { 'src/x.php': '<?php' },
      'Runtime.HandlerNotFound',
      /must lie below \/var\/task$/,
    ],
    [
      'a syntax error',
      'x',
      { 'src/x.php': '<?php\nfunction x( {' },
      'Runtime.UserCodeSyntaxError',
      /^handler x: syntax error.* in \/var\/task\/src\/x\.php:2$/,
    ],
    [
      'an exception',
      'x',
      { 'src/x.php': '<?php throw new LogicException("no config");' },
      'Runtime.ImportModuleError',
      /^handler x: LogicException: no config in /,
    ],
    [
      'exit()',
      'x',
      { 'src/x.php': '<?php exit(0);' },
      'Runtime.ImportModuleError',
      /^exit\(\) was called while/,
    ],
    [
      'a fatal error',
      'x',
      { 'src/x.php': '<?php class A {} eval("class A {}");' },
      'Runtime.UserCodeSyntaxError',
      /Cannot (re)?declare class A/,
    ],
    [
      'exhausted memory',
      'x',
      { 'src/x.php': '<?php $a = str_repeat("x", 1 << 30);' },
      'Function.OutOfMemory',
      /^Allowed memory size/,
    ],
  ])(
    '%s is an init error that says what was looked for',
    async (_name, handler, files, errorType, message) => {
      const { log, ...got } = await answer(handler, files);
      expect(got).toMatchObject({ errorType, errorMessage: expect.stringMatching(message) as string });
      expect(log.some((line) => line.includes(errorType))).toBe(true);
    },
  );

  test('what is printed while the handler is loaded is in the log', async () => {
    const { text, log } = await answer('x', {
      'src/x.php': '<?php echo "loading\\n"; function x() { return "ok"; }',
    });
    expect(text).toBe('ok');
    expect(log).toContain('loading');
  });

  test('the variables of the bootstrap are not in the scope of the handler’s file', async () => {
    const { text } = await answer('x', {
      'src/x.php':
        '<?php $seen = array_keys(get_defined_vars()); return function () use ($seen) { return $seen; };',
    });
    expect(JSON.parse(text)).toEqual([]);
  });
});
