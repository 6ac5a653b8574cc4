import { sha256 } from '../../../src/core/digest.js';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { fileEntry, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { MANIFEST_PATH, writeManifest, type Manifest } from '../../../src/layer/manifest.js';
import { writeZip } from '../../../src/tree/zip-writer.js';
import { library, program } from '../../support/compiled.js';
import { fakeIo } from '../../support/fake-io.js';
import { manifestStage, manifestWith } from '../../support/manifest.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

async function diff(folder: TemporaryFolder, ...args: readonly string[]): Promise<string> {
  const io = fakeIo(folder.path);
  const exitCode = await run(['diff', ...args], io);
  expect({ exitCode, stderr: io.stderr() }).toEqual({ exitCode: 0, stderr: '' });
  return io.stdout();
}

async function zip(folder: TemporaryFolder, name: string, entries: readonly TreeEntry[]): Promise<void> {
  await writeZip(join(folder.path, name), entries);
}

function withManifest(manifest: Manifest): TreeEntry {
  return fileEntry(MANIFEST_PATH, writeManifest(manifest));
}

test('the same layer has no difference', async () => {
  await using folder = await temporaryFolder();
  await zip(folder, 'a.zip', [withManifest(manifestWith()), fileEntry('bin/a', await program(), 0o755)]);
  expect(await diff(folder, 'a.zip', 'a.zip')).toMatch(
    /^the same files\nunzipped [\d.]+ KB, zip [\d.]+ KB\n$/,
  );
});

describe('between two layers', () => {
  test('bundled projects are compared, unless a manifest of an older release names none', async () => {
    await using folder = await temporaryFolder();
    const php = manifestStage({ recipe: 'php/8.4', version: '8.4.24' });
    const withBundles = (...bundles: readonly (readonly [string, string?])[]): TreeEntry =>
      withManifest(
        manifestWith({
          stages: [
            { ...php, bundles: bundles.map(([name, version]) => ({ name, version, license: 'MIT' })) },
          ],
        }),
      );
    await zip(folder, 'a.zip', [withBundles(['pcre2', '10.44'], ['xkcp'], ['ir', '0.0.1'])]);
    await zip(folder, 'b.zip', [withBundles(['pcre2', '10.46'], ['xkcp'], ['lexbor', '2.7.0'])]);
    await zip(folder, 'old.zip', [withManifest(manifestWith({ stages: [php] }))]);
    expect((await diff(folder, 'a.zip', 'b.zip')).split('\n').slice(0, 4)).toEqual([
      'packages',
      '  ~ pcre2 in php 10.44 → 10.46',
      '  - ir in php 0.0.1',
      '  + lexbor in php 2.7.0',
    ]);
    expect(JSON.parse(await diff(folder, 'old.zip', 'b.zip', '--json'))).toMatchObject({ packages: [] });
  });

  test('packages and the toolchain are compared by their manifests', async () => {
    await using folder = await temporaryFolder();
    const php = manifestStage({ recipe: 'php/8.4', version: '8.4.24' });
    const before = manifestWith({
      stages: [
        manifestStage({ recipe: 'openssl/3.5', version: '3.5.6' }),
        manifestStage({ recipe: 'zlib/1.3', version: '1.3' }),
        manifestStage({ recipe: 'oniguruma/6.9', version: '6.9' }),
        php,
      ],
    });
    const stages = [
      manifestStage({ recipe: 'openssl/3.5', version: '3.5.7' }),
      manifestStage({ recipe: 'libzip/1', version: '1.11' }),
      { ...manifestStage({ recipe: 'oniguruma/6.9', version: '6.9' }), artifact: php.artifact },
      {
        ...php,
        artifact: manifestStage({ recipe: 'x/1' }).artifact,
        patches: [{ file: 'patches/a', sha256: sha256('a patch') }],
      },
    ];
    const [first, ...rest] = before.toolchain.packages;
    const packages = [{ name: first?.name ?? '', version: '99' }, ...rest];
    const after = manifestWith({ stages, toolchain: { ...before.toolchain, packages } });
    await zip(folder, 'a.zip', [withManifest(before)]);
    await zip(folder, 'b.zip', [withManifest(after)]);
    const lines = (await diff(folder, 'a.zip', 'b.zip')).split('\n');
    expect(lines.slice(0, 8)).toEqual([
      'packages',
      '  ~ openssl 3.5.6 → 3.5.7',
      '  - zlib 1.3',
      '  + libzip 1.11',
      expect.stringContaining('  ~ oniguruma 6.9, compiled differently'),
      '  ~ php 8.4.24, with other patches',
      'toolchain',
      `  ~ ${first?.name ?? ''} ${first?.version ?? ''} → 99`,
    ]);
  });

  test('a manifest of version 1, which names one alternative of each source, is compared by what it names', async () => {
    await using folder = await temporaryFolder();
    const stage = manifestStage({ recipe: 'zlib/1.3' });
    const { artifact: _artifact, ...older } = stage;
    const repacked = { name: 'zlib', file: 'zlib.orig.tar.gz', sha256: sha256('repacked'), urls: [] };
    const newer = { ...stage, sources: [...stage.sources, repacked] };
    const other = { ...stage, sources: [repacked] };
    await zip(folder, 'a.zip', [withManifest(manifestWith({ schemaVersion: 1, stages: [older] }))]);
    await zip(folder, 'b.zip', [withManifest(manifestWith({ stages: [newer] }))]);
    await zip(folder, 'c.zip', [withManifest(manifestWith({ stages: [other] }))]);
    expect(JSON.parse(await diff(folder, 'a.zip', 'b.zip', '--json'))).toMatchObject({ packages: [] });
    expect(await diff(folder, 'a.zip', 'c.zip')).toContain('zlib 1.0, from another source file');
  });

  test('files are listed with sizes and the place of the difference, ELF files with their symbols', async () => {
    await using folder = await temporaryFolder();
    const [old, newer] = [
      { soname: 'libold.so.1', symbol: 'gone' },
      { soname: 'libc.so.6', symbol: 'fresh', version: 'GLIBC_2.30' },
    ];
    await folder.write({
      'a/lib/a.so': await library([old]),
      'a/etc/php.ini': 'one = 1\n',
      'a/etc/old.ini': 'x'.repeat(2000),
      'b/lib/a.so': await library([newer]),
      'b/etc/php.ini': 'one = 22\n',
      'b/share/new/file': 'x',
    });
    const text = await diff(folder, 'a', 'b');
    expect(text).toMatch(/^packages: unknown, .*no manifest$/m);
    expect(text).toContain('  - etc/old.ini  2.0 KB\n');
    expect(text).toMatch(/^ {2}~ etc\/php\.ini {2}8 B → 9 B \(\+1 B\) {2}.+$/m);
    expect(text).toContain('  + share/new/file  1 B\n');
    expect(text).not.toMatch(/^ {2}[+-] share\/?$/m);
    expect(text).toMatch(/^symbols\n {2}lib\/a\.so\n {4}- library libold\.so\.1\n {4}- needs gone\n/m);
    expect(text).toContain('    + library libc.so.6\n    + needs fresh@GLIBC_2.30 of libc.so.6\n');
    expect(text).toMatch(/^files: 1 added \(1 B\), 1 removed \(2\.0 KB\), 2 changed \(.+ → .+\), 0 /m);
    expect(text).toMatch(/^unzipped /m);
    expect(JSON.parse(await diff(folder, 'a', 'b', '--json'))).toMatchObject({
      summary: {
        added: { files: 1, bytes: 1 },
        removed: { files: 1, bytes: 2000 },
        changed: { files: 2 },
        same: 0,
      },
      files: [
        { path: 'etc/old.ini', change: 'removed', bytesBefore: 2000 },
        { path: 'etc/php.ini', change: 'changed', bytesBefore: 8, bytesAfter: 9 },
        { path: 'lib/a.so', change: 'changed' },
        { path: 'share/new/file', change: 'added', bytesAfter: 1 },
      ],
      symbols: [{ path: 'lib/a.so', added: ['library libc.so.6', 'needs fresh@GLIBC_2.30 of libc.so.6'] }],
    });
  });
});

test('a path that does not exist is an error', async () => {
  await using folder = await temporaryFolder();
  await folder.write({ 'a/x': 'x' });
  const io = fakeIo(folder.path);
  expect(await run(['diff', 'a', 'gone.zip'], io)).toBe(64);
  expect(io.stderr()).toContain('does not exist');
});
