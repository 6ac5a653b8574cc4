import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { sha256 } from '../../../src/core/digest.js';
import { fakeIo } from '../../support/fake-io.js';
import { recipeFiles, releasesYaml } from '../../support/recipe-files.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';
import { startServer } from '../source/source-support.js';

const TARBALL = gzipSync('a tarball');
const LIST = JSON.stringify([
  { tag_name: 'v1.3', html_url: 'https://github.com/me/lib/releases/tag/v1.3' },
  { tag_name: 'v1.2', html_url: 'https://github.com/me/lib/releases/tag/v1.2' },
]);

async function project(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  await folder.write({
    'layersmith.yaml': '',
    'lib.json': LIST,
    'main-1.3.tar.gz': TARBALL,
    ...Object.fromEntries(
      Object.entries({
        ...recipeFiles({ 'lib/1': [] }),
        'lib/1.yaml': releasesYaml([
          { version: '1.2', urls: ['https://layersmith.invalid/1.2/main-1.2.tar.gz'] },
          { version: '1.1' },
        ]),
      }).map(([name, text]) => [`recipes/${name}`, text]),
    ),
  });
  return folder;
}

async function layersmith({ path }: TemporaryFolder, ...argv: readonly string[]) {
  const io = fakeIo(path);
  const exitCode = await run(argv, io);
  const named = (text: string): string => text.replaceAll(path, 'HOME');
  return { exitCode, stdout: named(io.stdout()), stderr: named(io.stderr()) };
}

describe('outdated', () => {
  test('compares the newest release of each line of a package with its list; 80 means that one is newer', async () => {
    await using folder = await project();
    expect(await layersmith(folder, 'outdated', '--releases', 'lib.json')).toEqual({
      exitCode: 80,
      stdout: 'lib/1  1.2       1.3 is newer\n1 recipes compared: 1 outdated\n',
      stderr: '',
    });
    await folder.write({ 'lib.json': LIST.replaceAll('v1.3', 'v2.0') });
    const json = await layersmith(folder, 'outdated', 'lib/1', '--releases', 'lib=lib.json', '--json');
    expect(json.exitCode).toBe(0);
    expect(JSON.parse(json.stdout)).toEqual({
      recipes: [{ recipe: 'lib/1', pinned: '1.2', newest: '1.2', outdated: false, security: false }],
    });
  });

  test('reads a list from a URL', async () => {
    await using folder = await project();
    await using server = await startServer((_, response) => response.end(LIST));
    const { exitCode } = await layersmith(folder, 'outdated', '--releases', `${server.origin}/list`);
    expect(exitCode).toBe(80);
    await using broken = await startServer((_, response) => response.writeHead(503).end());
    const failed = await layersmith(folder, 'outdated', '--releases', `${broken.origin}/list`);
    expect(failed).toMatchObject({ exitCode: 75, stderr: expect.stringContaining('HTTP 503') as string });
  });

  test("endoflife.date's list is of the package that its file names, whatever the characters", async () => {
    await using folder = await project();
    await folder.write({
      'pdo_lib.json': JSON.stringify([{ cycle: '1', latest: '1.3', releaseDate: '2026-01-01', eol: false }]),
      'recipes/pdo_lib/package.yaml': await readFile(join(folder.path, 'recipes/lib/package.yaml'), 'utf8'),
      'recipes/pdo_lib/build.sh': '',
      'recipes/pdo_lib/1.yaml': releasesYaml([{ version: '1.2' }, { version: '1.1' }]),
    });
    const { exitCode, stdout } = await layersmith(folder, 'outdated', '--releases', 'pdo_lib.json');
    expect({ exitCode, stdout: stdout.split('\n')[0] }).toEqual({
      exitCode: 80,
      stdout: 'pdo_lib/1  1.2       1.3 is newer',
    });
  });

  test.each([
    [['--releases', 'none.json'], 'cannot read none.json (ENOENT)'],
    [['--releases', 'layersmith.yaml'], 'layersmith.yaml is not a list of releases'],
    [['openssl/3.5', '--releases', 'lib.json'], 'no list of --releases is of openssl'],
  ])('refuses %j', async (argv, message) => {
    await using folder = await project();
    const { exitCode, stderr } = await layersmith(folder, 'outdated', ...argv);
    expect(exitCode).toBe(64);
    expect(stderr).toContain(message);
  });
});

describe('bump', () => {
  const BUMP = ['bump', 'lib/1', '--to', '1.3', '--file', 'main-1.3.tar.gz'];
  const recipe = ({ path }: TemporaryFolder): Promise<string> =>
    readFile(join(path, 'recipes/lib/1.yaml'), 'utf8');

  test('adds a release with the digest of its tarball, and names and URLs as those of the newest', async () => {
    await using folder = await project();
    await folder.write({ SHA256SUMS: `${sha256(TARBALL)}  main-1.3.tar.gz\n` });
    const { exitCode, stdout } = await layersmith(
      folder,
      ...BUMP,
      '--digests',
      'SHA256SUMS',
      '--security',
      'CVE-2026-1',
    );
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: `lib/1 1.3: ${sha256(TARBALL)}  main-1.3.tar.gz\nthe digest is in SHA256SUMS\nwritten to HOME/recipes/lib/1.yaml\n`,
    });
    expect(await recipe(folder)).toContain(`  - version: "1.3"
    security:
      - CVE-2026-1
    sources:
      main:
        # Of the file that was added: the digest is in SHA256SUMS.
        - file: main-1.3.tar.gz
          sha256: ${sha256(TARBALL)}
          urls:
            - https://layersmith.invalid/1.3/main-1.3.tar.gz
`);
    expect((await layersmith(folder, 'recipes', 'lib/1')).stdout).toContain(
      'release   1.3  fixes CVE-2026-1',
    );
  });

  test.each<[string, readonly string[], number, string]>([
    ['a digest that is another', [...BUMP, '--digests', 'wrong'], 76, 'is not the one in HOME/wrong'],
    ['a list without the file', [...BUMP, '--digests', 'lib.json'], 64, 'has no sha256 of main-1.3.tar.gz'],
    ['a page in place of a tarball', [...BUMP.slice(0, -1), 'lib.json'], 64, 'is not a compressed tarball'],
    ['a tarball that is missing', [...BUMP.slice(0, -1), 'none'], 64, 'cannot read HOME/none (ENOENT)'],
    [
      'a release of another line',
      ['bump', 'lib/1', '--to', '2.0', '--file', 'main-1.3.tar.gz'],
      64,
      '2.0 is not a release of lib/1',
    ],
    [
      'a known release with other bytes',
      ['bump', 'lib/1', '--to', '1.2', '--file', 'main-1.3.tar.gz'],
      76,
      'has 1.2 already, with another sha256',
    ],
    ['a name that does not follow', [...BUMP.slice(0, -1), 'other.tgz'], 64, 'Name it with --url'],
    ['a signature without a key', [...BUMP, '--signature', 'lib.json'], 64, '--signature and --key'],
    ['an advisory that is none', [...BUMP, '--security', 'a hole'], 64, 'an advisory is CVE'],
  ])('refuses %s, and writes nothing', async (_what, argv, code, message) => {
    await using folder = await project();
    await folder.write({ wrong: `${'0'.repeat(64)}  main-1.3.tar.gz\n`, 'other.tgz': TARBALL });
    const before = await recipe(folder);
    const { exitCode, stderr } = await layersmith(folder, ...argv);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(code);
    expect(await recipe(folder)).toBe(before);
  });

  test('of a recipe that comes with layersmith writes a copy into the project', async () => {
    await using folder = await project();
    await folder.write({ 'php-8.4.99.tar.gz': TARBALL });
    const url = 'https://www.php.net/distributions/php-8.4.99.tar.gz';
    const { exitCode, stdout } = await layersmith(
      folder,
      ...['bump', 'php/8.4', '--to', '8.4.99', '--file', 'php-8.4.99.tar.gz', '--url', url],
    );
    expect({ exitCode, stdout }).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('HOME/recipes/php/8.4.yaml') as string,
    });
    expect((await layersmith(folder, 'recipes', 'php/8.4')).stdout).toContain('release   8.4.99\n');
  });
});
