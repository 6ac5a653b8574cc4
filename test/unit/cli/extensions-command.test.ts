import { expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { fakeIo } from '../../support/fake-io.js';
import { extensionYaml, interpreterYaml, lineYaml, recipeFolder } from '../../support/recipe-files.js';
import type { TemporaryFolder } from '../../support/temporary-folder.js';

/** A project whose recipes come over the built-in ones; `made-up` is an interpreter without other extensions. */
async function project(files: Readonly<Record<string, string>> = {}): Promise<TemporaryFolder> {
  const mine = (text: string): string => text.replace('of: php', 'of: made-up');
  const folder = await recipeFolder({});
  const recipes = {
    'made-up/package.yaml': interpreterYaml('2', ['json', 'ctype']),
    'made-up/build.sh': '',
    'made-up/1.yaml': lineYaml('1.4.0'),
    'made-up/2.yaml': lineYaml('2.0.1'),
    'pack/package.yaml': mine(extensionYaml()),
    'pack/build.sh': '',
    'pack/3.yaml': lineYaml('3.2.16'),
    'cache/package.yaml': mine(extensionYaml(['order: 30', 'conflicts: [debug]'])),
    'cache/build.sh': '',
    'cache/5.yaml': `${lineYaml('5.3.7', ['pack'])}supports: { before: '2.0' }\n`,
    'cache/6.yaml': `${lineYaml('6.2.0', ['pack'])}supports: { from: '2.0' }\n`,
    'debug/package.yaml': mine(extensionYaml()),
    'debug/build.sh': '',
    'debug/3.yaml': `${lineYaml('3.2.0')}supports: { before: '2.0' }\n`,
    'ctype/package.yaml': mine(extensionYaml(['bundled: true'])),
    'ctype/build.sh': '',
    ...files,
  };
  await folder.write({
    'layersmith.yaml': 'layers: { shop: { base: made-up/1 } }\n',
    ...Object.fromEntries(Object.entries(recipes).map(([path, text]) => [`recipes/${path}`, text])),
  });
  return folder;
}

async function extensions(folder: TemporaryFolder, ...args: readonly string[]) {
  const io = fakeIo(folder.path);
  const exitCode = await run(['extensions', ...args], io);
  return { exitCode, stdout: io.stdout(), stderr: io.stderr() };
}

test('what can be chosen comes first, then what is compiled in, then what does not fit, with the reason', async () => {
  await using folder = await project();
  expect((await extensions(folder, 'made-up')).stdout).toBe(`cache  6.2.0   something made up (brings pack)
pack   3.2.16  something made up

compiled into made-up/2:
  ctype json

not for made-up/2:
  no line of debug supports made-up/2 2.0.1: debug/3 is for made-up before 2.0
`);
});

test('a layer of layersmith.yaml stands for its base', async () => {
  await using folder = await project();
  const { stdout } = await extensions(folder, 'shop');
  expect(stdout).toMatch(/^cache +5\.3\.7/m);
  expect(stdout).toMatch(/^debug +3\.2\.0/m);
  expect(stdout).not.toContain('not for');
});

test('--json has all of it', async () => {
  await using folder = await project();
  const { stdout } = await extensions(folder, 'made-up', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    base: 'made-up/2',
    extensions: [
      { name: 'cache', recipe: 'cache/6', version: '6.2.0', needs: ['pack'], conflicts: ['debug'] },
      { name: 'pack', recipe: 'pack/3', needs: [] },
    ],
    compiledIn: ['ctype', 'json'],
    unsupported: [{ name: 'debug', reason: expect.stringContaining('before 2.0') as unknown }],
  });
});

test('without a name it is PHP: the built-in extensions', async () => {
  await using folder = await project();
  const { stdout } = await extensions(folder);
  expect(stdout).toMatch(/^redis +\d/m);
  expect(stdout).not.toMatch(/^pack /m);
  // Every layer has it: it is not chosen.
  expect(stdout).not.toContain('php-lambda');
});

test('a library and an unknown name are usage errors, and an invalid recipe is told', async () => {
  await using folder = await project();
  expect((await extensions(folder, 'zlib')).exitCode).toBe(64);
  expect((await extensions(folder, 'phpp')).stderr).toContain('Did you mean php');
  await using broken = await project({ 'pack/3.yaml': 'version: x\n' });
  expect((await extensions(broken, 'made-up')).exitCode).toBe(65);
});
