import { createHash } from 'node:crypto';
import { readdir, writeFile, mkdir } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { onLoopback } from '../../../support/loopback.js';
import { luaSources } from '../../../support/lua-sources.js';
import { tinyInterpreter, tinyLibrary } from '../../../support/tiny-recipe.js';
import { expectError, expectTidy, Workplace } from '../../../support/workplace.js';

// What a build is asked for that cannot be: names, recipes, sources.

/** Nothing listens on port 1. */
const NOWHERE = 'http://127.0.0.1:1';
const NO_DEBIAN = { env: { LAYERSMITH_DEBIAN_MIRROR: `${NOWHERE}/debian` } };

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function sourcesYaml(file: {
  readonly name: string;
  readonly sha256: string;
  readonly urls: readonly string[];
}): string {
  return `{ main: [{ file: ${file.name}, sha256: '${file.sha256}', urls: [${file.urls.join(', ')}] }] }`;
}

describe('names', () => {
  test('an unknown recipe is an error with the nearest names', async () => {
    await using workplace = await Workplace.make();
    const error = expectError(await workplace.build('php/9.5'), 64);
    expect(error).toMatch(/php\/9\.5\. Did you mean php\/8\.\d/);
    expect(expectError(await workplace.build('lau'), 64)).toContain('Did you mean lua?');
  });

  test('an unknown platform is an error with the nearest names', async () => {
    await using workplace = await Workplace.make();
    const error = expectError(await workplace.build('lua', ['--platform', 'provided.al2032']), 64);
    expect(error).toContain('provided.al2032. Did you mean provided.al2023');
    expect(error).toMatch(/→ .* provided, provided\.al2, provided\.al2023\.$/m);
  });

  test('a library has no layer, and an unknown flag is named', async () => {
    await using workplace = await Workplace.make();
    expect(expectError(await workplace.build('zlib'), 64)).toContain('zlib/1.3 is a library');
    expect(expectError(await workplace.build('lua', ['--job', '2']), 64)).toContain('job');
    expect(expectError(await workplace.build('lua', ['--jobs', 'many']), 64)).toContain('--jobs');
    expect(expectError(await workplace.run(['biuld']), 64)).toContain('build');
    expect(expectError(await workplace.run([]), 64)).toContain('command');
  });
});

describe('recipes', () => {
  test('with problems in several files are refused with all of them, each with line and column', async () => {
    await using workplace = await Workplace.make({
      ...tinyInterpreter('tiny', { needs: ['one', 'two', 'tree'] }),
      ...tinyLibrary('one'),
      ...tinyLibrary('two'),
      ...tinyLibrary('three'),
    });
    await workplace.write({
      'one/1.yaml': `version: 1.10\nneds: []\nsources: {}\n`,
      'two/1.yaml': `version: '1'\nsources:\n  main:\n    - { file: a.tar.gz, sha256: abc, urls: [ftp://x] }\n`,
    });
    const ended = await workplace.build('tiny');
    const error = expectError(ended, 65);
    const at = (file: string): string => `\n  ${join(workplace.recipes, file)}`;
    expect(error).toContain(`${at('one/1.yaml')}:1:10: \`version\`: quote the version`);
    expect(error).toMatch(/one\/1\.yaml:2:1: .*neds.*Did you mean needs\?/);
    expect(error).toMatch(/two\/1\.yaml:4:\d+: .*sha256/);
    expect(error).toMatch(/two\/1\.yaml:4:\d+: .*urls/);
    expect(error).toMatch(/tiny\/1\.yaml:2:\d+: .*\btree\. Did you mean three/);
    expect(error).toMatch(/^layersmith: 5 problems/);
    await expectTidy(workplace, ended);
  });

  test('that need each other in a cycle are refused with the cycle', async () => {
    await using workplace = await Workplace.make({
      ...tinyInterpreter('tiny', { needs: ['one'] }),
      ...tinyLibrary('one', { needs: ['two'] }),
      ...tinyLibrary('two', { needs: ['one'] }),
    });
    const ended = await workplace.build('tiny');
    const error = expectError(ended, 65);
    expect(error).toContain('a cycle in needs: one/1 → two/1 → one/1');
    expect(error).toContain(`${join(workplace.recipes, 'two/1.yaml')}:2:9: `);
  });

  test('in a folder that does not exist are a usage error', async () => {
    await using workplace = await Workplace.make();
    const ended = await workplace.run(['build', 'lua', '--recipes', '/no/such/folder']);
    expect(expectError(ended, 64)).toContain('/no/such/folder');
  });
});

describe('sources', () => {
  test('whose bytes differ are refused with both digests, and not kept', async () => {
    const server = createHttpServer((_request, response) => response.end('other bytes'));
    await using web = await onLoopback(server);
    const url = `http://${web.host}/main.tar.gz`;
    const expected = sha256('the pinned bytes');
    const sources = sourcesYaml({ name: 'main.tar.gz', sha256: expected, urls: [url] });
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { sources }));
    const ended = await workplace.build('tiny', [], NO_DEBIAN);
    const error = expectError(ended, 76);
    expect(error).toContain(`sha256 of ${url} does not match`);
    expect(error).toContain(`expected: ${expected}\n`);
    expect(error).toContain(`actual: ${sha256('other bytes')}\n`);
    expect(await readdir(join(workplace.store, 'sources'))).toEqual([]);
    expect(await workplace.output()).toEqual([]);
    await expectTidy(workplace, ended);
  });

  test('that no location has are an error with every location and its reason', async () => {
    const digest = sha256('nobody has it');
    const urls = [`${NOWHERE}/main.tar.gz`, 'http://example.org/main.tar.gz'];
    const sources = sourcesYaml({ name: 'main.tar.gz', sha256: digest, urls });
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { sources }));
    const folder = join(workplace.dir, 'tarballs');
    await mkdir(folder);
    await writeFile(join(folder, 'main.tar.gz'), 'another file of that name');
    const ended = await workplace.build('tiny', ['--sources', folder], NO_DEBIAN);
    const error = expectError(ended, 75);
    expect(error).toContain(`    main.tar.gz, sha256 ${digest}\n`);
    expect(error).toContain(`    --sources ${folder}: main.tar.gz `);
    expect(error).toContain(sha256('another file of that name'));
    expect(error).toContain(`    ${NOWHERE}/main.tar.gz: the connection is refused\n`);
    expect(error).toContain('    http://example.org/main.tar.gz: not requested');
    expect(error).toMatch(/^ {4}.*Debian/m);
    expect(error).toMatch(/^ {2}→ Put a file .* --sources DIR/m);
    expect(await readdir(join(workplace.store, 'sources'))).toEqual([]);
    await expectTidy(workplace, ended);
  });

  test('that are not available locally are an error with --offline, without any request', async () => {
    let asked = 0;
    await using trap = await onLoopback(createServer(() => (asked += 1)));
    const place = `http://${trap.host}`;
    const sources = sourcesYaml({ name: 'main.tar.gz', sha256: sha256('x'), urls: [`${place}/main.tar.gz`] });
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { sources }));
    const env = { LAYERSMITH_DEBIAN_MIRROR: `${place}/debian`, https_proxy: place, http_proxy: place };
    const ended = await workplace.build('tiny', ['--offline'], { env });
    const error = expectError(ended, 75);
    expect(error).toContain('main is not in the store, and --offline');
    expect(error).toContain('layersmith fetch');
    expect(asked).toBe(0);
    await expectTidy(workplace, ended);
  });

  test('that are available locally let --offline build without any request', async () => {
    let asked = 0;
    await using trap = await onLoopback(createServer(() => (asked += 1)));
    const env = {
      LAYERSMITH_DEBIAN_MIRROR: `http://${trap.host}/debian`,
      https_proxy: `http://${trap.host}`,
    };
    await using workplace = await Workplace.make();
    // Makes sure that the images of the embedded toolchain are in the engine.
    await workplace.write(tinyInterpreter('tiny'));
    expect(await workplace.build('tiny')).toMatchObject({ exitCode: 0 });
    const ended = await workplace.run(
      [
        ...['build', 'lua', '--store', workplace.store, '-o', workplace.out, '--offline'],
        ...['--registry', trap.host, '--sources', await luaSources()],
      ],
      { env },
    );
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(ended.stderr).toMatch(/toolchain: embedded Debian 12 \(.*--offline.*\)/);
    expect(asked).toBe(0);
    await expectTidy(workplace, ended);
  });
});

test('an engine that does not answer is an error with its address and the variable that names it', async () => {
  await using workplace = await Workplace.make();
  const socket = join(workplace.dir, 'no-engine.sock');
  const ended = await workplace.build('lua', [], { env: { DOCKER_HOST: `unix://${socket}` } });
  const error = expectError(ended, 69);
  expect(error).toContain(`unix://${socket}`);
  expect(error).toContain('DOCKER_HOST');
  expect(error).toContain('the socket does not exist');
  expect(error).toMatch(/^ {2}→ /m);
  await expectTidy(workplace, ended);
});
