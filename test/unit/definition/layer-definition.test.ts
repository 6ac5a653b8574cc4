import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RecipeError } from '../../../src/core/errors.js';
import { findProject } from '../../../src/definition/project.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

/** A folder with this layersmith.yaml. */
async function projectOf(...lines: readonly string[]): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  await folder.write({ 'layersmith.yaml': lines.map((line) => `${line}\n`).join('') });
  return folder;
}

/** The problems of this layersmith.yaml, as `line:column message`. */
async function problemsOf(...lines: readonly string[]): Promise<readonly string[]> {
  await using folder = await projectOf(...lines);
  const { problems } = await failure(findProject(folder.path), RecipeError);
  expect(new Set(problems.map(({ file }) => file))).toEqual(new Set([join(folder.path, 'layersmith.yaml')]));
  return problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

test('a definition has a base, extensions, platforms, architectures, a mode, settings and files, with their places', async () => {
  await using folder = await projectOf(
    'layers:',
    '  shop:',
    '    base: php/8.4',
    '    extensions: [intl, redis/6]',
    '    platforms: [provided.al2, provided.al2023]',
    '    architectures: [arm64, x86_64]',
    '    ini:',
    '      memory_limit: 512M',
    '      precision: 17',
    '      short_open_tag: true',
    '      zend.assertions: -1',
    '    files:',
    '      etc/app/ca.pem: certs/ca.pem',
    '      bin/tool: /usr/local/bin/tool',
    '    mode: web',
    '    start: fastest',
  );
  const file = join(folder.path, 'layersmith.yaml');
  expect((await findProject(folder.path)).layers).toEqual([
    {
      name: 'shop',
      base: { package: 'php', line: '8.4' },
      extensions: [
        { package: 'intl', line: undefined, position: { file, line: 4, column: 18 } },
        { package: 'redis', line: '6', position: { file, line: 4, column: 24 } },
      ],
      platforms: [
        { name: 'provided.al2', position: { file, line: 5, column: 17 } },
        { name: 'provided.al2023', position: { file, line: 5, column: 31 } },
      ],
      architectures: ['arm64', 'x86_64'],
      ini: { memory_limit: '512M', precision: '17', short_open_tag: 'On', 'zend.assertions': '-1' },
      files: [
        {
          path: 'etc/app/ca.pem',
          file: join(folder.path, 'certs/ca.pem'),
          position: { file, line: 13, column: 23 },
        },
        { path: 'bin/tool', file: '/usr/local/bin/tool', position: { file, line: 14, column: 17 } },
      ],
      start: { start: 'fastest', position: { file, line: 16, column: 12 } },
      position: { file, line: 3, column: 11 },
      mode: 'web',
      modePosition: { file, line: 15, column: 11 },
      iniPosition: { file, line: 8, column: 7 },
    },
  ]);
});

test('only the base is required', async () => {
  await using folder = await projectOf('layers: { small: { base: php } }');
  expect((await findProject(folder.path)).layers).toMatchObject([
    {
      name: 'small',
      base: { package: 'php', line: undefined },
      extensions: [],
      platforms: [{ name: 'provided.al2023' }],
      architectures: ['x86_64'],
      mode: 'function',
      ini: {},
      files: [],
    },
  ]);
});

test('files are relative to the folder of layersmith.yaml, wherever the command runs', async () => {
  await using folder = await projectOf('layers: { a: { base: php, files: { etc/a: ../a } } }');
  await folder.write({ 'deep/down/x': '' });
  const [layer] = (await findProject(join(folder.path, 'deep', 'down'))).layers;
  expect(layer?.files).toMatchObject([{ path: 'etc/a', file: join(folder.path, '..', 'a') }]);
});

test('a platform or an architecture that is named twice counts once, and layers keep their order', async () => {
  await using folder = await projectOf(
    'layers:',
    '  b: { base: php, architectures: [arm64, arm64], platforms: [provided, provided] }',
    '  a: { base: lua }',
  );
  const { layers } = await findProject(folder.path);
  expect(layers.map(({ name }) => name)).toEqual(['b', 'a']);
  expect(layers[0]).toMatchObject({ architectures: ['arm64'], platforms: [{ name: 'provided' }] });
});

test('all mistakes are told at once, each at its place, and unknown keys with the nearest one', async () => {
  const problems = await problemsOf(
    'layers:',
    '  shop:',
    '    bas: php/8.4',
    '    extensons: [intl]',
    '    architectures: [x86]',
    '  Blog:',
    '    base: php/8.4',
    '  api:',
    '    base: PHP',
    '    platforms: []',
    'layer: {}',
  );
  expect(problems).toEqual([
    expect.stringMatching(
      /^3:5 .*`layers\.shop\.base` is missing|^3:5 unknown key `bas`.*Did you mean base\?/,
    ),
    expect.stringMatching(/^3:5 /),
    expect.stringMatching(/^4:5 unknown key `extensons` in `layers\.shop`\. Did you mean extensions\?$/),
    expect.stringMatching(/^5:21 `layers\.shop\.architectures\.0`/),
    expect.stringMatching(/^6:3 `layers\.Blog`: the name of a layer consists of lower-case letters/),
    expect.stringMatching(/^9:11 `layers\.api\.base`/),
    expect.stringMatching(/^10:16 `layers\.api\.platforms`/),
    expect.stringMatching(/^11:1 unknown key `layer` in the file\. Did you mean layers\?$/),
  ]);
  expect(problems.slice(0, 2).join('\n')).toMatch(
    /unknown key `bas` in `layers\.shop`\. Did you mean base\?/,
  );
});

test.each([
  ['ini: { "memory limit": 1 }', /the name of a setting consists of/],
  ["ini: { error_log: 'a\"b' }", /no double quotes/],
  ['ini: { error_log: "a\\nb" }', /line breaks/],
  ['ini: { error_log: "${HOME}" }', /`\$\{`/],
  ['mode: fpm', /layers\.shop\.mode/],
  ['ini: { a: [1] }', /layers\.shop\.ini\.a/],
  ['files: { /etc/x: x }', /relative to \/opt/],
  ['files: { ../x: x }', /relative to \/opt/],
  ['files: { ./bootstrap: x }', /relative to \/opt/],
  ['files: { etc//x: x }', /relative to \/opt/],
  ['files: { etc/: x }', /relative to \/opt/],
  ['files: [x]', /layers\.shop\.files/],
  ['extensions: intl', /layers\.shop\.extensions/],
  ['extensions: [Intl]', /`package` or `package\/line`/],
])('refused: %s', async (entry, message) => {
  const problems = await problemsOf('layers:', '  shop:', '    base: php', `    ${entry}`);
  expect(problems).toEqual([expect.stringMatching(message)]);
  expect(problems[0]).toMatch(/^4:/);
});
