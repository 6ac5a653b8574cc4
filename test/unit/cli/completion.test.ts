import { expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { PACKAGE_ROOT, fakeIo } from '../../support/fake-io.js';

/** What the shell's script is offered for a line. */
async function offered(line: string): Promise<readonly string[]> {
  const io = fakeIo(PACKAGE_ROOT);
  const exitCode = await run(['--get-yargs-completions', ...line.split(' ')], io);
  expect(exitCode).toBe(0);
  expect(io.stderr()).toBe('');
  return io.stdout().split('\n').slice(0, -1);
}

test('the script is the result', async () => {
  const io = fakeIo(PACKAGE_ROOT);
  expect(await run(['completion'], io)).toBe(0);
  expect(io.stdout()).toContain('--get-yargs-completions "${args[@]}"');
  expect(io.stdout()).toContain('complete -o bashdefault -o default -F');
  expect(io.stderr()).toBe('');
});

test('commands come first', async () => {
  expect(await offered('layersmith ')).toEqual([
    'build',
    'plan',
    'fetch',
    'test',
    'invoke',
    'serve',
    'recipes',
    'doctor',
    'clean',
    'completion',
  ]);
  expect(await offered('layersmith c')).toEqual(['clean', 'completion']);
});

test('whatever the program was called as', async () => {
  expect(await offered('./build/cli/main.js b')).toEqual(['build']);
});

test.each(['build', 'plan', 'fetch', 'recipes'])('%s is followed by a recipe', async (name) => {
  expect(await offered(`layersmith ${name} php/8`)).toEqual(['php/8.2', 'php/8.4']);
  expect(await offered(`layersmith ${name} `)).toContain('lua/5.4');
});

test.each(['test', 'invoke', 'serve', 'doctor', 'clean'])('%s is not', async (name) => {
  expect(await offered(`layersmith ${name} `)).toEqual([]);
});

test('a flag is followed by its values', async () => {
  expect(await offered('layersmith build --platform provided.al')).toEqual([
    'provided.al2',
    'provided.al2023',
  ]);
  expect(await offered('layersmith build php/8.4 --arch ')).toEqual(['x86_64', 'arm64']);
  expect(await offered('layersmith build --toolchain d')).toEqual(['debian']);
  expect(await offered('layersmith test x.zip --recipe lua')).toEqual(['lua/5.4']);
});

test('a folder or a number is left to the shell', async () => {
  for (const flag of ['--store', '--output', '-o', '--sources', '--recipes', '--jobs'])
    expect(await offered(`layersmith build ${flag} `)).toEqual([]);
});

test('a dash offers the flags of the command', async () => {
  expect(await offered('layersmith build --jo')).toEqual(['--jobs']);
  expect(await offered('layersmith recipes --')).toEqual(
    expect.arrayContaining(['--recipes', '--json', '--help']),
  );
  expect(await offered('layersmith recipes --j')).not.toContain('--jobs');
});
