import { execFile } from 'node:child_process';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.js';
import { run } from '../../../src/cli/run.js';
import { PACKAGE_ROOT, fakeIo } from '../../support/fake-io.js';
import { extensionYaml, lineYaml } from '../../support/recipe-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// yargs reads it: for zsh and fish it adds descriptions.
beforeEach(() => {
  vi.stubEnv('SHELL', '/bin/bash');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** What the shell's script is offered for a line; the shell itself drops what does not begin with the last word. */
async function offered(line: string, folder = PACKAGE_ROOT): Promise<readonly string[]> {
  const io = fakeIo(folder);
  const words = line.split(' ');
  const exitCode = await run(['--get-yargs-completions', ...words], io);
  expect(exitCode).toBe(0);
  expect(io.stderr()).toBe('');
  const current = words.at(-1) ?? '';
  return io
    .stdout()
    .split('\n')
    .filter((word) => word !== '' && word.startsWith(current));
}

async function script(shell: string): Promise<string> {
  vi.stubEnv('SHELL', shell);
  const io = fakeIo(PACKAGE_ROOT, { env: { SHELL: shell } });
  expect(await run(['completion'], io)).toBe(0);
  expect(io.stderr()).toBe('');
  return io.stdout();
}

test('the script is the result', async () => {
  const text = await script('/bin/bash');
  expect(text).toContain('--get-yargs-completions "${args[@]}"');
  expect(text).toContain('complete -o bashdefault -o default -F');
  expect(await script('/bin/zsh')).toMatch(/^#compdef layersmith$/m);
});

test('the script works in a bash that has no layersmith on its PATH', async () => {
  const text = await script('/bin/bash');
  const answer = await new Promise<string>((resolve, reject) => {
    const ask =
      'COMP_WORDS=(layersmith aud); COMP_CWORD=1; _layersmith_yargs_completions; echo "${COMPREPLY[@]}"; type -t layersmith';
    // The built program may be absent or old here; what counts is that the function runs it.
    const program = 'node() { [ "$1" = "$MAIN" ] && shift && echo audit; }';
    const child = execFile(
      'bash',
      ['--norc', '-c', `${program}\n${text}\n${ask}`],
      { env: { PATH: '/usr/bin:/bin', MAIN: `${PACKAGE_ROOT}/build/cli/main.js` } },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(stderr, { cause: error }));
      },
    );
    child.stdin?.end();
  });
  expect(answer).toBe('audit\nfunction\n');
});

test('commands come first: all that help lists', async () => {
  expect(await offered('layersmith ')).toEqual([...COMMANDS.map(({ name }) => name), 'completion']);
  expect(await offered('layersmith c')).toEqual(['clean', 'completion']);
});

test('whatever the program was called as', async () => {
  expect(await offered('./build/cli/main.js bui')).toEqual(['build']);
});

test.each(['build', 'plan', 'fetch', 'recipes', 'extensions', 'verify', 'advisories'])(
  '%s is followed by a recipe',
  async (name) => {
    expect(await offered(`layersmith ${name} php/8`)).toEqual(expect.arrayContaining(['php/8.2', 'php/8.4']));
    expect(await offered(`layersmith ${name} `)).toContain('lua/5.4');
  },
);

test.each(['test', 'invoke', 'serve', 'doctor', 'clean', 'audit', 'publish'])('%s is not', async (name) => {
  expect(await offered(`layersmith ${name} `)).toEqual([]);
});

test('names of layersmith.yaml are offered where a layer is expected', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'layersmith.yaml': 'layers: { shop: { base: php }, blog: { base: php } }\n' });
  for (const name of ['build', 'plan', 'fetch', 'verify', 'advisories'])
    expect(await offered(`layersmith ${name} s`, folder.path)).toContain('shop');
  for (const name of ['test', 'audit', 'diff', 'invoke', 'serve', 'publish', 'invoke shop'])
    expect(await offered(`layersmith ${name} `, folder.path)).toEqual(['shop', 'blog']);
  expect(await offered('layersmith package function app --layer ', folder.path)).toEqual(['shop', 'blog']);
  expect(await offered('layersmith recipes ', folder.path)).not.toContain('shop');
});

test('extensions are offered after --with, also behind a comma', async () => {
  await using folder = await temporaryFolder();
  await folder.write({
    'layersmith.yaml': '',
    'recipes/made-up/package.yaml': extensionYaml(),
    'recipes/made-up/1.yaml': lineYaml('1.0'),
  });
  expect(await offered('layersmith build php/8.4 --with made', folder.path)).toEqual(['made-up']);
  expect(await offered('layersmith build php/8.4 --with other,made', folder.path)).toEqual(['other,made-up']);
});

test('a flag is followed by its values', async () => {
  expect(await offered('layersmith build --platform provided.al')).toEqual([
    'provided.al2',
    'provided.al2023',
  ]);
  expect(await offered('layersmith build php/8.4 --arch ')).toEqual(['x86_64', 'arm64']);
  expect(await offered('layersmith build --toolchain d')).toEqual(['debian']);
  expect(await offered('layersmith publish x.zip --format s')).toEqual(['sam', 'serverless']);
  expect(await offered('layersmith test x.zip --recipe lua')).toEqual(['lua/5.4']);
});

test('an argument with a fixed choice is offered', async () => {
  expect(await offered('layersmith package ')).toEqual(['function', 'vendor']);
});

test('a folder or a number is left to the shell', async () => {
  for (const flag of ['--store', '--output', '-o', '--sources', '--recipes', '--jobs'])
    expect(await offered(`layersmith build ${flag} `)).toEqual([]);
});

test.each(COMMANDS.map(({ name }) => name))('a dash offers the flags of %s', async (name) => {
  const flags = await offered(`layersmith ${name} --`);
  expect(flags).toEqual(expect.arrayContaining(['--json', '--help']));
  for (const flag of flags) expect(flag).toMatch(/^--[a-z0-9-]{2,}$/);
});

test('no flag of another command is offered', async () => {
  expect(await offered('layersmith build --jo')).toEqual(['--jobs']);
  expect(await offered('layersmith recipes --j')).toEqual(['--json']);
});
