import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.js';
import type { Io } from '../../../src/cli/io.js';
import { run } from '../../../src/cli/run.js';
import { InterruptedError } from '../../../src/core/errors.js';
import { MANIFEST_PATH } from '../../../src/layer/manifest.js';
import { fakeIo } from '../../support/fake-io.js';
import { manifestWith } from '../../support/manifest.js';
import { lineYaml, recipeFiles } from '../../support/recipe-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What the command left in its folder. */
  readonly left: readonly string[];
}

/** Runs a command line in a folder of its own, which holds these files and is its home too. */
async function layersmith(
  argv: readonly string[],
  files: Readonly<Record<string, string>> = {},
  changes: Partial<Io> = {},
): Promise<Outcome> {
  await using folder = await temporaryFolder();
  await folder.write(files);
  const io = fakeIo(folder.path, changes);
  const exitCode = await run(argv, io);
  const left = (await readdir(folder.path)).filter(
    (name) => !Object.keys(files).some((file) => file.startsWith(name)),
  );
  const named = (text: string): string => text.replaceAll(folder.path, 'HOME');
  return { exitCode, stdout: named(io.stdout()), stderr: named(io.stderr()), left };
}

describe('a wrong command line ends with 64, with the reason on stderr, and does nothing', () => {
  test.each([
    ['no command', [], 'Name a command.'],
    ['an unknown command', ['biuld', 'php/8.4'], 'biuld. Did you mean build?'],
    ['a command unlike any other', ['frobnicate'], 'Unknown argument: frobnicate'],
    ['an unknown flag', ['build', '--jbos', '3'], 'Unknown argument: jbos'],
    ['a flag of another command', ['recipes', '--jobs', '3'], 'Unknown argument: jobs'],
    ['too many arguments', ['recipes', 'php/8.4', 'php/8.2'], 'Unknown argument: php/8.2'],
    ['a required flag that is missing', ['deploy', 'x.zip'], 'deploy needs --name'],
    ['one argument of two', ['package', 'function'], 'package needs <folder>'],
    ['too few arguments', ['fetch'], 'fetch needs <targets..>'],
    [
      'jobs that are not a number',
      ['build', '--jobs', 'many'],
      '--jobs must be a whole number of at least 1',
    ],
    ['no jobs', ['build', '--jobs', '0'], '--jobs must be a whole number of at least 1'],
    ['a negative number of jobs', ['build', '--jobs=-2'], '--jobs must be a whole number of at least 1'],
    ['half a job', ['build', '--jobs', '1.5'], '--jobs must be a whole number of at least 1'],
    [
      'memory that is not a number',
      ['build', '--memory', '2G'],
      '--memory must be a whole number of at least 6',
    ],
    [
      'less memory than engines accept',
      ['build', '--memory', '5'],
      '--memory must be a whole number of at least 6',
    ],
    ['an invalid time', ['build', '--stage-timeout', '3 hours'], '--stage-timeout'],
    ['a time of zero', ['build', '--stage-timeout', '0s'], '--stage-timeout'],
    ['a flag without its value', ['build', '--jobs'], '--jobs needs a value'],
    ['a flag where its value should be', ['plan', '--store', '--json'], '--store needs a value'],
    ['a negated flag', ['plan', '--no-store'], 'Unknown arguments: no-store, noStore'],
    ['an unknown architecture', ['build', '--arch', 'mips'], 'Choices: "x86_64", "arm64"'],
    ['an unknown toolchain', ['build', '--toolchain', 'gentoo'], 'Choices: "amazonlinux", "debian"'],
    [
      'an unknown platform',
      ['build', '--platform', 'provided.al2022'],
      'provided.al2022. Did you mean provided.al2023',
    ],
    ['an unknown recipe', ['build', 'php/9.5'], 'php/9.5. Did you mean php/8.5'],
    ['an unknown recipe to plan', ['plan', 'pph'], 'there is no recipe pph.'],
    ['a recipe folder that does not exist', ['recipes', '--recipes', 'none'], 'HOME/none (ENOENT)'],
    ['a zip without a manifest', ['test', import.meta.filename], 'contains no manifest'],
    ['sources that do not exist, for build', ['build', 'lua', '--sources', 'none'], "--sources: 'HOME/none'"],
    ['sources that do not exist, for plan', ['plan', 'lua', '--sources', 'none'], "--sources: 'HOME/none'"],
    ['sources that do not exist, for fetch', ['fetch', 'lua', '--sources', 'none'], "--sources: 'HOME/none'"],
    ['--quiet without --fix', ['doctor', '--quiet'], '--quiet requires --fix'],
    ['nothing to clean', ['clean'], 'no selection of what to clean'],
    ['an invalid age', ['clean', '--older-than', 'long'], "--older-than: 'long' is not valid"],
    ['an invalid size', ['clean', '--max-size', 'big'], "--max-size: 'big' is not valid"],
  ])('%s', async (_what, argv, message) => {
    const { exitCode, stdout, stderr, left } = await layersmith(argv);
    expect(exitCode).toBe(64);
    expect(stderr).toMatch(/^layersmith: /);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
    expect(stdout).toBe('');
    expect(left).toEqual([]);
  });

  test('the hint names the command that was typed', async () => {
    expect((await layersmith(['plan', '--jbos', '3'])).stderr).toContain('`layersmith plan --help`');
    expect((await layersmith(['biuld'])).stderr).toContain('`layersmith --help`');
  });

  test('a zip that does not exist cannot be tested', async () => {
    const { exitCode, stderr } = await layersmith(['test', 'x.zip', '--recipe', 'lua']);
    expect(exitCode).toBe(64);
    expect(stderr).toContain('x.zip does not exist');
  });

  test('a library has no layer to test', async () => {
    const { exitCode, stderr } = await layersmith(['test', import.meta.filename, '--recipe', 'zlib']);
    expect(exitCode).toBe(64);
    expect(stderr).toContain('zlib has no smoke tests: no layer is made from it');
  });
});

describe('of a flag that is given twice', () => {
  const ARN = 'arn:aws:lambda:eu-west-1:123456789012:layer:php84:3';
  const DEPLOY = ['deploy', 'x.zip', '--name', 'hello'];

  test.each([
    [
      '--layer of deploy',
      [...DEPLOY, '--layer', 'wrong', '--layer', ARN],
      "'wrong' is not the ARN of a layer",
    ],
    ['-l of deploy', [...DEPLOY, '-l', 'wrong', '-l', ARN], "'wrong' is not the ARN of a layer"],
    ['--env of deploy', [...DEPLOY, '--env', 'wrong', '--env', 'A=1'], "--env: 'wrong' lacks"],
    [
      '--account of publish',
      ['publish', 'x.zip', '--name', 'php', '--account', 'wrong', '--account', '123456789012'],
      "'wrong' is not the ID of an account",
    ],
    ['--recipes', ['plan', 'lua', '--recipes', 'none', '--recipes', '.'], 'recipe folder HOME/none'],
  ])('both values count if the command takes a list: %s', async (_flag, argv, message) => {
    const { exitCode, stderr } = await layersmith(argv);
    expect(exitCode).toBe(64);
    expect(stderr).toContain(message);
  });

  test.each([
    ['--layer of package', ['package', 'function', '.', '--layer', 'a.zip', '--layer', 'b.zip'], 'b.zip'],
    ['--output', ['build', 'pph', '--output', 'a', '--output', 'b'], 'there is no recipe pph'],
    ['--name', ['deploy', 'x.zip', '--name', 'a b', '--name', 'hello'], 'cannot read HOME/x.zip'],
  ])('the last value counts if the command takes one: %s', async (_flag, argv, message) => {
    const { exitCode, stderr } = await layersmith(argv);
    expect(exitCode).toBe(64);
    expect(stderr).toContain(message);
  });
});

describe('a recipe with problems ends with 65', () => {
  const files = {
    ...Object.fromEntries(
      Object.entries(recipeFiles({ 'app/1': ['lib', 'nothing'], 'lib/1': [] })).map(([name, text]) => [
        `mine/${name}`,
        text,
      ]),
    ),
    'mine/lib/1.yaml': `${lineYaml('1.0').replace("'1.0'", '1.0')}extra: 1\n`,
  };

  test.each([[['plan', 'app/1']], [['build', 'app/1']], [['fetch', 'app/1']]])(
    'and `%s` prints all of them, each with its position',
    async (argv) => {
      const { exitCode, stdout, stderr } = await layersmith([...argv, '--recipes', 'mine'], files);
      expect(exitCode).toBe(65);
      expect(stdout).toBe('');
      expect(stderr.split('\n')).toEqual([
        expect.stringContaining('layersmith: 3 problems'),
        expect.stringMatching(/^ {2}HOME\/mine\/app\/1\.yaml:2:14: .*\bnothing\b/),
        expect.stringMatching(/^ {2}HOME\/mine\/lib\/1\.yaml:1:10: .*`version`/),
        expect.stringMatching(/^ {2}HOME\/mine\/lib\/1\.yaml:8:1: .*`extra`/),
        '',
      ]);
    },
  );

  test('and `recipes` reports the problems of all recipes, those of a package once', async () => {
    const broken = { ...files, 'mine/php/package.yaml': 'kind: interpreter\n' };
    const { exitCode, stdout, stderr } = await layersmith(['recipes', '--recipes', 'mine'], broken);
    expect(exitCode).toBe(65);
    expect(stdout).toBe('');
    expect(stderr).toContain('HOME/mine/lib/1.yaml:8:1: unknown key');
    expect(stderr.match(/`summary` is missing/g)).toHaveLength(1);
  });
});

describe('recipes', () => {
  test('lists one recipe a line, with version, kind and end of support', async () => {
    const { exitCode, stdout, stderr } = await layersmith(['recipes']);
    expect(exitCode).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^php\/8\.4 +8\.4\.\d+ +interpreter +until 2028-12-31$/m);
    expect(stdout).toMatch(/^openssl\/1\.0\.1 +1\.0\.1u +library +until 2016-12-31$/m);
  });

  test('lists them as one JSON object, without paths of this machine', async () => {
    const { exitCode, stdout, stderr } = await layersmith(['recipes', '--json']);
    expect(exitCode).toBe(0);
    expect(stderr).toBe('');
    const { recipes } = JSON.parse(stdout) as {
      recipes: { name: string; version: string; sources: unknown[] }[];
    };
    expect(recipes.find(({ name }) => name === 'lua/5.4')).toMatchObject({
      version: '5.4.7',
      kind: 'interpreter',
    });
    expect(stdout).not.toContain(import.meta.dirname.split('/test/')[0]);
  });

  test('shows a recipe with its needs and its pinned sources', async () => {
    const { exitCode, stdout } = await layersmith(['recipes', 'php/8.4.24']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^php\/8\.4 {2}8\.4\.\d+ {2}\(interpreter\)$/m);
    expect(stdout).toMatch(/^needs +openssl\/3\.5 /m);
    expect(stdout).toMatch(/^ +sha256 [0-9a-f]{64}$/m);
    expect(stdout).toMatch(/^ +https:\/\/www\.php\.net\//m);
    expect(stdout).toMatch(/^bundles +pcre2 10\.44$/m);
    expect(stdout).toMatch(/^bundles +xkcp \(unknown version\)$/m);
  });

  test('shows a recipe as JSON, a package by its default line', async () => {
    const { stdout } = await layersmith(['recipes', 'php', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'php/8.4',
      version: expect.stringMatching(/^8\.4\.\d+$/) as string,
      homepage: 'https://www.php.net',
      bundles: expect.arrayContaining([{ name: 'pcre2', version: '10.44' }, { name: 'xkcp' }]) as unknown,
    });
  });

  test('accepts several --recipes, which have precedence in their order', async () => {
    const files = {
      'one/php/8.4.yaml': lineYaml('8.4.98'),
      'two/php/8.4.yaml': lineYaml('8.4.99'),
      'two/php/8.2.yaml': lineYaml('8.2.99'),
    };
    const argv = ['recipes', '--json', '--recipes', 'one', '--recipes', 'two'];
    const first = await layersmith([...argv, 'php/8.4'], files);
    const second = await layersmith([...argv, 'php/8.2'], files);
    expect(JSON.parse(first.stdout)).toMatchObject({ version: '8.4.98' });
    expect(JSON.parse(second.stdout)).toMatchObject({ version: '8.2.99' });
  });
});

describe('without an engine', () => {
  test('build ends with 69 and names the address that it tried', async () => {
    const { exitCode, stdout, stderr } = await layersmith(['build', 'lua/5.4', '--store', 'store']);
    expect(exitCode).toBe(69);
    expect(stdout).toBe('');
    expect(stderr).toContain('HOME/no-engine.sock');
    expect(stderr).toContain('→');
  });

  test('--test-engine is asked instead, and named with what to do', async () => {
    const fn = ['--function', 'app', '--handler', 'hello', '--test-engine'];
    const files = { 'layer/bootstrap': '', 'app/hello.php': '' };
    const invoke = (address: string): Promise<Outcome> =>
      layersmith(['invoke', 'layer', ...fn, address, '--store', 'layer/store'], files);
    const missing = await invoke('unix:///no/such/engine.sock');
    expect(missing.exitCode).toBe(69);
    expect(missing.stderr).toContain(
      "--test-engine: no container engine answers at 'unix:///no/such/engine.sock'",
    );
    expect(missing.stderr).toContain('the socket does not exist');
    expect(missing.stderr).toContain('→ Start that engine, or correct its address.');
    const wrong = await invoke('ftp://engine');
    expect(wrong.exitCode).toBe(69);
    expect(wrong.stderr).toContain('unsupported scheme ftp://');
    expect((await invoke('')).exitCode).toBe(64);
  });

  test('--test-engine runs the PHP that compiles a package, and nothing of verify', async () => {
    const files = {
      'layer/bootstrap': '',
      [`layer/${MANIFEST_PATH}`]: JSON.stringify(manifestWith({ recipe: 'php/8.4', architecture: 'arm64' })),
      'app/hello.php': '',
    };
    const flags = ['--test-engine', 'unix:///no/such/engine.sock', '--store', 'store'];
    const packaged = await layersmith(['package', 'function', 'app', '--layer', 'layer', ...flags], files);
    expect(packaged.exitCode).toBe(69);
    expect(packaged.stderr).toContain("--test-engine: no container engine answers at 'unix:///no/such/");
    expect((await layersmith(['verify', 'lua/5.4', ...flags])).exitCode).toBe(64);
  });

  test('plan shows the graph with the keys of the locked toolchain', async () => {
    const { exitCode, stdout, stderr } = await layersmith(['plan', 'php/8.4.24']);
    expect(exitCode).toBe(0);
    const columns =
      stdout
        .split('\n')
        .find((line) => line.startsWith('php/8.4 '))
        ?.split(/ {2,}/) ?? [];
    expect(columns.slice(0, 2)).toEqual(['php/8.4', '8.4.24']);
    expect(columns[2]).toMatch(/^[0-9a-f]{16}$/);
    expect(columns[3]).toBe('to be built');
    expect(columns[4]).toMatch(/^after openssl\/3\.5, /);
    expect(stderr).toContain('toolchain: debian (no Amazon Linux images are in the engine)');
    expect(stderr).toContain('not pinned: ');
  });

  test('doctor --fix does not replace the engine of DOCKER_HOST', async () => {
    const { exitCode, stderr } = await layersmith(['doctor', '--fix', '--quiet'], {}, { isRoot: true });
    expect(exitCode).toBe(69);
    expect(stderr).toContain('DOCKER_HOST');
    expect(stderr).not.toContain('installing');
  });

  test('plan shows the graph without keys where no toolchain is locked, and says why', async () => {
    const { exitCode, stdout, stderr } = await layersmith(['plan', 'lua', '--toolchain', 'amazonlinux']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^lua\/5\.4 +5\.4\.7 +\(no key yet\) +to be built$/m);
    expect(stderr).toContain('warning: no keys');
  });

  test('plan as JSON is the same with another home and store, where the lock decides the releases', async () => {
    const releases = { 'openssl/3.5': '3.5.7', 'php/8.4': '8.4.24' };
    const files = { 'layersmith.lock': JSON.stringify({ schemaVersion: 2, images: {}, releases }) };
    const one = await layersmith(['plan', 'php/8.4', '--json'], files);
    const other = await layersmith(['plan', 'php/8.4', '--json', '--store', 'store', '--offline'], {
      'store/sources/x': 'x',
      ...files,
    });
    expect(one.stdout).toContain('"key":"');
    expect(other.stdout).toBe(one.stdout);
    expect(JSON.parse(one.stdout)).toMatchObject({ toolchain: { kind: 'debian', pinned: false } });
  });

  test('plan as JSON is pinned with --toolchain, and says so', async () => {
    const { stdout, stderr } = await layersmith(['plan', 'lua', '--toolchain', 'debian', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ toolchain: { kind: 'debian', pinned: true } });
    expect(stderr).toBe('toolchain: debian (set by --toolchain debian)\n');
  });

  test('plan as JSON is one object on stdout; warnings are on stderr', async () => {
    const { exitCode, stdout, stderr } = await layersmith(['plan', 'php/7.3', '--json']);
    expect(exitCode).toBe(0);
    const plan = JSON.parse(stdout) as { stages: { stage: string; needs: string[]; sources: unknown[] }[] };
    expect(plan).toMatchObject({ recipe: 'php/7.3', platform: 'provided.al2023' });
    expect(plan.stages.at(-1)).toMatchObject({ stage: 'php-lambda/7.3', needs: ['php/7.3', 'yyjson/0.10'] });
    expect(plan.stages.at(-2)).toMatchObject({ stage: 'yyjson/0.10', sources: [{ name: 'yyjson' }] });
    expect(stderr).toMatch(/^warning: openssl\/1\.0\.1 \(1\.0\.1u\) .* 2016-12-31$/m);
    expect(stderr).toMatch(/^warning: php\/7\.3 \(7\.3\.33\) .* 2021-12-\d\d$/m);
  });

  test('doctor reports it with a remedy, checks the rest, and ends with 69', async () => {
    const { exitCode, stdout } = await layersmith(['doctor', '--json', '--store', 'store']);
    expect(exitCode).toBe(69);
    const { findings } = JSON.parse(stdout) as {
      findings: { name: string; state: string; remedy?: string }[];
    };
    expect(findings.map(({ name }) => name)).toEqual([
      'engine',
      'disk',
      'memory',
      'registry',
      'toolchain',
      'store',
    ]);
    const bad = findings.filter(({ state }) => state !== 'ok');
    expect(bad.map(({ name }) => name)).toContain('engine');
    expect(bad.filter(({ remedy }) => remedy === undefined)).toEqual([]);
    const ok = findings.filter(({ state }) => state === 'ok').map(({ name }) => name);
    expect(ok).not.toContain('toolchain');
  });

  test('the store is in $XDG_CACHE_HOME, else in ~/.cache', async () => {
    const inHome = await layersmith(['plan', 'lua']);
    expect(inHome.left).toEqual(['.cache']);
    const DOCKER_HOST = 'unix:///no/such/engine.sock';
    await using folder = await temporaryFolder();
    const elsewhere = await layersmith(
      ['plan', 'lua'],
      {},
      { env: { XDG_CACHE_HOME: folder.path, DOCKER_HOST } },
    );
    expect(elsewhere.left).toEqual([]);
    expect(await readdir(join(folder.path, 'layersmith'))).toContain('artifacts');
  });

  test('clean removes old entries from the store, and reports their size', async () => {
    const { exitCode, stdout } = await layersmith(['clean', '--max-size', '0', '--store', 'store'], {
      'store/sources/abc': 'x'.repeat(1500),
    });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^removed 0 container.* 0 image.* 1 store entries \(1\.5 KB\)\n$/);
  });

  test('clean --dry-run as JSON lists the entries that would be removed', async () => {
    const argv = ['clean', '--max-size', '1K', '--dry-run', '--json', '--store', 'store'];
    const { stdout } = await layersmith(argv, { 'store/sources/abc': 'x'.repeat(1500) });
    expect(JSON.parse(stdout)).toEqual({
      dryRun: true,
      containers: [],
      images: [],
      store: { entries: [{ path: 'HOME/store/sources/abc', sizeBytes: 1500 }], bytes: 1500 },
    });
  });
});

describe('help', () => {
  test.each(COMMANDS.map(({ name }) => name))('of %s describes it, with an example', async (name) => {
    const { exitCode, stdout, stderr } = await layersmith([name, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Examples:\\n {2}layersmith ${name}\\b`, 'm'));
    expect(stdout).toContain('--json');
    expect(stderr).toBe('');
  });

  test('names every command on a line of its own', async () => {
    const { exitCode, stdout } = await layersmith(['--help']);
    expect(exitCode).toBe(0);
    const listed = [...stdout.matchAll(/^ {2}layersmith ([a-z-]+) .*\S$/gm)].map(([, name]) => name);
    expect(listed).toEqual([...COMMANDS.map(({ name }) => name), 'completion']);
  });

  test('covers every file in the folder of commands', async () => {
    const files = await readdir(join(import.meta.dirname, '../../../src/cli/commands'));
    expect(COMMANDS.map(({ name }) => `${name}.ts`).sort()).toEqual(files.sort());
  });

  test('the version is printed on stdout', async () => {
    expect(await layersmith(['--version'])).toMatchObject({ exitCode: 0, stdout: '0.1.0\n', stderr: '' });
  });

  test('messages are in English in every locale', async () => {
    const before = process.env['LC_ALL'];
    process.env['LC_ALL'] = 'de_DE.UTF-8';
    try {
      expect((await layersmith(['--help'])).stdout).toMatch(/^Options:$/m);
    } finally {
      if (before === undefined) delete process.env['LC_ALL'];
      else process.env['LC_ALL'] = before;
    }
  });
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('a run that %s stops ends with %i', async (name, code) => {
  const signal = AbortSignal.abort(new InterruptedError(name));
  const { exitCode, stderr } = await layersmith(['build', 'lua'], {}, { signal });
  expect(exitCode).toBe(code);
  expect(stderr).toContain(`layersmith: stopped by ${name}\n`);
});
