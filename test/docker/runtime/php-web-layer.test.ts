import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MANIFEST_PATH } from '../../../src/layer/manifest.js';
import { packageRoot, startCli, type Ended } from '../../support/cli.js';
import { eventFor } from '../../support/http-events.js';
import { openTestFunction } from '../../support/local-function.js';
import { realEngine } from '../../support/real-engine.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { readZipEntries } from '../../support/zip.js';

// Layers whose definition has a mode. Their build runs smoke tests in every mode.

const FIXTURES = join(packageRoot, 'test', 'fixtures', 'php', 'web');

let folder: TemporaryFolder;
let endpoint: string;
/** The zips that were built. */
let zips: readonly string[];

beforeAll(async () => {
  endpoint = (await realEngine()).endpoint;
  folder = await temporaryFolder();
  await folder.write({
    'layersmith.yaml':
      'layers:\n  site: { base: php/8.4, mode: web }\n  app: { base: php/8.4, mode: worker }\n',
    'app/public/index.php': await readFile(join(FIXTURES, 'index.php')),
    'app/public/worker.php': await readFile(join(FIXTURES, 'worker.php')),
    'app/hello.php': '<?php return static function ($event) { return "Hello, $event[name]!"; };',
    'app/artisan': '<?php echo "ran $argv[1]";',
  });
  const { exitCode, stdout, stderr } = await layersmith('build', '--toolchain', 'debian');
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  zips = stdout.trim().split('\n');
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

function layersmith(...args: readonly string[]): Promise<Ended> {
  return startCli(args, { cwd: folder.path, env: { DOCKER_HOST: endpoint } }).ended;
}

function zipOf(name: string): string {
  const zip = zips.find((path) => basename(path).startsWith(`${name}-`));
  if (zip === undefined) throw new Error(`${name} was not built`);
  return resolve(folder.path, zip);
}

async function resultOf(
  layer: string,
  { handler, event, mode }: { readonly handler: string; readonly event: Buffer; readonly mode?: string },
): Promise<unknown> {
  await using fn = await openTestFunction({
    layers: [zipOf(layer)],
    files: Object.fromEntries(
      await Promise.all(
        ['public/index.php', 'public/worker.php', 'hello.php', 'artisan'].map(
          async (path) => [path, await readFile(join(folder.path, 'app', path))] as const,
        ),
      ),
    ),
    handler,
    env: mode === undefined ? {} : { LAYERSMITH_MODE: mode },
  });
  const { payload } = await fn.invoke({ event });
  try {
    return JSON.parse(payload.toString());
  } catch {
    return payload.toString();
  }
}

test('the manifest and the bootstrap have the mode of the definition', async () => {
  const entries = await readZipEntries(zipOf('site'));
  const textOf = (path: string): string =>
    entries.find(({ name }) => name === path)?.content.toString() ?? `${path} is not in the layer`;
  expect(JSON.parse(textOf(MANIFEST_PATH))).toMatchObject({ mode: 'web' });
  expect(textOf('bootstrap')).toMatch(/^#!\/opt\/bin\/php --lambda=web\n/);
});

test('functions on the layer run in its mode', async () => {
  const event = eventFor({ target: '/status' });
  expect(await resultOf('site', { handler: 'public/index.php', event })).toMatchObject({ statusCode: 418 });
  const page = await resultOf('app', { handler: 'public/worker.php', event: eventFor({ target: '/' }) });
  expect(page).toMatchObject({ statusCode: 200, body: expect.stringContaining('"worker":"1"') as string });
});

test('LAYERSMITH_MODE of a function comes before the mode of its layer', async () => {
  const event = Buffer.from('{"name":"World"}');
  expect(await resultOf('site', { handler: 'hello', event, mode: 'function' })).toBe('Hello, World!');
  const command = { handler: 'artisan', event: Buffer.from('"migrate"'), mode: 'console' };
  expect(await resultOf('site', command)).toEqual({ exitCode: 0, output: 'ran migrate' });
});

test('invoke --http and test follow the mode of the layer', async () => {
  const args = ['invoke', zipOf('app'), '--function', 'app', '--toolchain', 'debian'];
  const { stdout } = await layersmith(...args, '--handler', 'public/worker.php', '--http', '/');
  expect(stdout).toContain('"worker":"1"');
  expect(await layersmith('test', zipOf('app'), '--toolchain', 'debian')).toMatchObject({ exitCode: 0 });
});
