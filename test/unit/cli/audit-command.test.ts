import { execFileSync } from 'node:child_process';
import { chmod, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RULES } from '../../../src/audit/rules.js';
import { run } from '../../../src/cli/run.js';
import { fileEntry } from '../../../src/tree/tree-entry.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { library, program } from '../../support/compiled.js';
import { fakeIo } from '../../support/fake-io.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function audit(folder: string, ...args: readonly string[]): Promise<Ended> {
  const io = fakeIo(folder);
  const exitCode = await run(['audit', ...args], io);
  return { exitCode, stdout: io.stdout(), stderr: io.stderr() };
}

const BOOTSTRAP = fileEntry('bootstrap', '#!/bin/sh\n', 0o755);

test('the report of a zip that passes names its platform, size and oldest platform', async () => {
  await using folder = await temporaryFolder();
  const zip = join(folder.path, 'layer.zip');
  await writeZip(zip, [fileEntry('bin/a', await program(), 0o755), BOOTSTRAP]);
  const ended = await audit(folder.path, 'layer.zip');
  expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
  expect(ended.stdout).toMatch(/^passed for provided\.al2023 x86_64: 1 ELF file, [\d.]+ KB /);
  expect(ended.stdout).toMatch(/\n.*oldest platform.*: provided\.al2023\n$/);
});

test('two entries of one name are an error, two of one folder are not', async () => {
  await using folder = await temporaryFolder();
  await writeZip(join(folder.path, 'layer.zip'), [
    { type: 'directory', path: 'share', mode: 0o755 },
    { type: 'directory', path: 'share', mode: 0o755 },
    fileEntry('share/twice', 'one'),
    fileEntry('share/twice', 'two'),
    BOOTSTRAP,
  ]);
  const ended = await audit(folder.path, 'layer.zip', '--json');
  expect(ended.exitCode).toBe(73);
  const { findings } = JSON.parse(ended.stdout) as { findings: readonly unknown[] };
  expect(findings).toEqual([
    expect.objectContaining({ rule: 'duplicate', severity: 'error', path: 'share/twice' }),
  ]);
});

test('a layer refused on every platform has no oldest platform', async () => {
  await using folder = await temporaryFolder();
  await writeZip(join(folder.path, 'layer.zip'), [
    BOOTSTRAP,
    { type: 'symlink', path: 'users', target: '/etc/passwd' },
  ]);
  const ended = await audit(folder.path, 'layer.zip');
  expect(ended.exitCode).toBe(73);
  expect(ended.stdout).toMatch(/refused for every platform until .*\n$/);
  expect(ended.stdout).not.toContain('the oldest platform');
});

test('a special file in the folder is named in a warning', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'layer/bootstrap': '#!/bin/sh\n' });
  await chmod(join(folder.path, 'layer/bootstrap'), 0o755);
  execFileSync('mkfifo', [join(folder.path, 'layer/pipe')]);
  const ended = await audit(folder.path, 'layer');
  expect(ended.exitCode).toBe(0);
  expect(ended.stderr).toContain('pipe (FIFO)');
});

describe('the report', () => {
  test('names the file, what it needs, who needs it and the remedy', async () => {
    await using folder = await temporaryFolder();
    const middle = { soname: 'libmiddle.so', symbol: 'middle' };
    await folder.write({
      'layer/bin/a': await program([], [middle]),
      'layer/lib/libmiddle.so': await library([{ soname: 'libgone.so.3', symbol: 'gone' }]),
    });
    await symlink('/etc/passwd', join(folder.path, 'layer', 'users'));
    const ended = await audit(folder.path, 'layer', '--platform', 'provided.al2', '--no-bootstrap');
    expect(ended).toMatchObject({ exitCode: 73, stderr: '' });
    expect(ended.stdout).toMatch(
      /^error {4}lib\/libmiddle\.so: needs libgone\.so\.3, .* \(bin\/a → lib\/libmiddle\.so\) \[missing-library\]\n {9}→ .* lib\/libgone\.so\.3\.$/m,
    );
    expect(ended.stdout).toMatch(/^error {4}users: .* \/etc\/passwd, .* \[link\]$/m);
    expect(ended.stdout).toMatch(/^refused for provided\.al2 x86_64 with \d errors: 2 ELF files, /m);
    // Why: the error on the newest platform, and that the list of libraries is short on purpose.
    const reasons = ended.stdout.split('it runs on no Lambda platform as it is')[1];
    expect(reasons).toContain('provided.al2023');
    expect(reasons).toContain('lib/libmiddle.so: needs libgone.so.3');
    expect(reasons).toContain('every Lambda sandbox');
    expect(reasons).not.toContain('/etc/passwd');
  });

  test('lists the files that share an error under it', async () => {
    await using folder = await temporaryFolder();
    const gone = { soname: 'libgone.so.3', symbol: 'gone' };
    await folder.write({
      'layer/bin/a': await program([], [gone]),
      'layer/bin/b': await program([], [gone]),
      'layer/bin/c': await program([], [{ soname: 'libother.so.1', symbol: 'other' }]),
    });
    const ended = await audit(folder.path, 'layer', '--no-bootstrap');
    expect(ended.stdout.split('\n').slice(0, 6)).toEqual([
      expect.stringMatching(/^error {4}2 files: needs libgone\.so\.3, .* \[missing-library\]$/),
      '           bin/a',
      '           bin/b',
      expect.stringMatching(/^ {9}→ .* lib\/libgone\.so\.3\.$/),
      expect.stringMatching(/^error {4}bin\/c: needs libother\.so\.1, .* \[missing-library\]$/),
      expect.stringMatching(/^ {9}→ .* lib\/libother\.so\.1\.$/),
    ]);
    expect(ended.stdout).toContain(' with 3 errors: ');
    const json = JSON.parse((await audit(folder.path, 'layer', '--no-bootstrap', '--json')).stdout) as object;
    expect(json).toMatchObject({
      findings: [{ path: 'bin/a' }, { path: 'bin/b' }, { path: 'bin/c' }],
      stoppedBy: { platform: 'provided.al2023', findings: [{}, {}, {}] },
    });
  });

  test('names the platforms for a layer whose errors are only about safety', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'layer/a': '/build/work' });
    const ended = await audit(folder.path, 'layer', '--no-bootstrap');
    expect(ended.exitCode).toBe(73);
    expect(ended.stdout).toMatch(/refused for every platform until .* provided and later\n$/);
  });

  test('is one JSON object with --json', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'layer/a': 'x' });
    const ended = await audit(folder.path, 'layer', '--json', '--arch', 'arm64');
    expect(ended.exitCode).toBe(73);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      layer: join(folder.path, 'layer'),
      platform: 'provided.al2023',
      architecture: 'arm64',
      findings: [{ rule: 'bootstrap', severity: 'error', path: 'bootstrap', message: 'is missing' }],
      elfFiles: 0,
      unzippedBytes: 1,
    });
  });

  test('can be SARIF, with every rule, and each finding at its file', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'layer/a b': '/build/work', 'layer/c': 'x' });
    await symlink('nothing', join(folder.path, 'layer', 'd'));
    const ended = await audit(folder.path, 'layer', '--no-bootstrap', '--sarif', 'out.sarif');
    expect(ended.exitCode).toBe(73);
    const log = JSON.parse(await readFile(join(folder.path, 'out.sarif'), 'utf8')) as {
      readonly version: string;
      readonly runs: readonly {
        readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
        readonly results: readonly unknown[];
      }[];
    };
    expect(log.version).toBe('2.1.0');
    expect(log.runs[0]?.tool.driver.rules.map(({ id }) => id)).toEqual(Object.keys(RULES));
    expect(log.runs[0]?.results).toMatchObject([
      {
        ruleId: 'build-path',
        ruleIndex: Object.keys(RULES).indexOf('build-path'),
        level: 'error',
        locations: [{ physicalLocation: { artifactLocation: { uri: 'a%20b' } } }],
      },
      { ruleId: 'link', level: 'warning' },
    ]);
  });

  test('has the build paths of each --build-path', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'layer/a': 'of /home/me', 'layer/b': 'of /srv/ci' });
    const flags = ['--no-bootstrap', '--build-path', '/home/me', '--build-path', '/srv/ci'];
    const ended = await audit(folder.path, 'layer', ...flags);
    expect(ended.exitCode).toBe(73);
    expect(ended.stdout).toContain('a: contains the build path /home/me');
    expect(ended.stdout).toContain('b: contains the build path /srv/ci');
  });

  test('of only warnings ends with 0', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'layer/c': 'x' });
    await symlink('nothing', join(folder.path, 'layer', 'd'));
    const ended = await audit(folder.path, 'layer', '--no-bootstrap');
    expect(ended.exitCode).toBe(0);
    expect(ended.stdout).toMatch(/^passed for provided\.al2023 x86_64 with 1 warning: /m);
  });
});

test('the default architecture is that of the programs', async () => {
  await using folder = await temporaryFolder();
  const arm = await program();
  arm.writeUInt16LE(183, 18);
  await folder.write({ 'layer/bin/a': arm });
  const ended = await audit(folder.path, 'layer', '--no-bootstrap', '--json');
  expect(JSON.parse(ended.stdout)).toMatchObject({ architecture: 'arm64' });
});

describe('what cannot be audited is an error:', () => {
  test('a path that is not there', async () => {
    await using folder = await temporaryFolder();
    const ended = await audit(folder.path, 'no.zip');
    expect(ended).toMatchObject({ exitCode: 64, stdout: '' });
    expect(ended.stderr).toContain('does not exist');
  });

  test('a platform that is not known', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'layer/a': 'x' });
    const ended = await audit(folder.path, 'layer', '--platform', 'provided.al2032');
    expect(ended).toMatchObject({ exitCode: 64, stdout: '' });
    expect(ended.stderr).toContain('provided.al2032. Did you mean provided.al2023');
  });

  test('a zip that is damaged', async () => {
    await using folder = await temporaryFolder();
    const zip = join(folder.path, 'layer.zip');
    await writeZip(zip, [fileEntry('a', 'the content of a file')]);
    const bytes = await readFile(zip);
    await writeFile(zip, bytes.subarray(0, bytes.length - 10));
    expect(await audit(folder.path, 'layer.zip')).toMatchObject({ exitCode: 73, stdout: '' });
  });

  test('a SARIF file that cannot be written', async () => {
    await using folder = await temporaryFolder();
    await folder.write({ 'layer/a': 'x' });
    const ended = await audit(folder.path, 'layer', '--no-bootstrap', '--sarif', 'layer/a/out.sarif');
    expect(ended.exitCode).toBe(74);
    expect(ended.stderr).toContain(join(folder.path, 'layer', 'a'));
  });
});
