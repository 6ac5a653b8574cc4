import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { COMMANDS } from '../../../src/cli/commands.js';
import { run } from '../../../src/cli/run.js';
import { ciFiles, scriptsOf } from '../../support/ci-docs.js';
import { fakeIo, PACKAGE_ROOT } from '../../support/fake-io.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** A call of layersmith in a script. */
const CALL =
  /(?:^ *|[|({;] *|then |do |=\$\(|npx )(?:layersmith|node \S+\/build\/cli\/main\.js) ([^|;)#\n]*)/gm;

async function everyScript(): Promise<readonly string[]> {
  const action = parse(await readFile(join(PACKAGE_ROOT, 'action.yml'), 'utf8')) as unknown;
  const contents = [...(await ciFiles()).map(({ content }) => content), action];
  return contents.flatMap(scriptsOf);
}

test('docs/ci.md has the workflows that it names', async () => {
  expect((await ciFiles()).map(({ name }) => name)).toEqual([
    '.github/workflows/layers.yml',
    '.gitlab-ci.yml',
    '.gitlab/layersmith.yml',
    'One layer, without a matrix',
    'Newer releases as pull requests',
  ]);
});

test('the scripts of docs/ci.md and action.yml call commands that exist, with flags that they have', async () => {
  const scripts = await everyScript();
  const calls = scripts
    .flatMap((script) => [...script.replaceAll('\\\n', ' ').matchAll(CALL)])
    .map(([, call = '']) => call.trim());
  const names = calls.map((call) => call.split(' ')[0] ?? '');
  expect([...new Set(names)].sort()).toEqual([
    ...['attest', 'audit', 'build', 'bump', 'diff', 'matrix', 'outdated', 'publish', 'verify-attestation'],
  ]);
  await using folder = await temporaryFolder();
  for (const call of calls) {
    const name = call.split(' ')[0] ?? '';
    expect(COMMANDS.map((entry) => entry.name)).toContain(name);
    const io = fakeIo(folder.path);
    await run([name, '--help'], io);
    for (const [flag] of call.matchAll(/--[a-z-]+/g)) expect(io.stdout(), call).toContain(` ${flag} `);
  }
});

test('flags that docs/ci.md hands to the action are flags of `build`', async () => {
  const io = fakeIo(PACKAGE_ROOT);
  await run(['build', '--help'], io);
  const args = (await ciFiles()).flatMap(({ text }) => [...text.matchAll(/\bargs: ([^}\n]*)/g)]);
  expect(args.length).toBeGreaterThan(1);
  for (const [, text = ''] of args)
    for (const [flag] of text.matchAll(/--[a-z-]+/g)) expect(io.stdout()).toContain(` ${flag} `);
});

test('the scripts are valid for bash', async () => {
  for (const script of await everyScript()) {
    const plain = script.replaceAll(/\$\{\{.*?\}\}/g, 'value');
    await expect(promisify(execFile)('bash', ['-n', '-c', plain])).resolves.toBeDefined();
  }
});
