import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/core/errors.js';
import { judgeVersion } from '../../../src/audit/symbol-version.js';
import { loadAbiProfiles } from '../../../src/platform/abi-profile.js';
import { ARCHITECTURES } from '../../../src/platform/platform.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

describe.each(ARCHITECTURES)('the profiles for %s', (architecture) => {
  const loading = loadAbiProfiles([join(PACKAGE_ROOT, 'platforms')], architecture);

  test('are a row from the oldest on, each with all that the older one has', async () => {
    const profiles = await loading;
    expect(profiles.map(({ name }) => name)).toEqual(['provided', 'provided.al2', 'provided.al2023']);
    for (const [index, newer] of profiles.entries()) {
      const older = profiles[index - 1];
      if (older === undefined) continue;
      for (const [family, version] of older.newest) {
        expect(judgeVersion(`${family}_${version}`, newer).has, `${family}_${version} on ${newer.name}`).toBe(
          true,
        );
      }
      expect([...older.libraries].filter((soname) => !newer.libraries.has(soname))).toEqual([]);
      expect([...older.named].filter((name) => !newer.named.has(name))).toEqual([]);
      expect([...older.interpreters].filter((path) => !newer.interpreters.has(path))).toEqual([]);
    }
  });

  test('have the caps of glibc, libstdc++ and libgcc', async () => {
    const caps = (await loading).map(({ newest }) =>
      ['GLIBC', 'GLIBCXX', 'CXXABI', 'GCC'].map((family) => newest.get(family)),
    );
    expect(caps).toEqual([
      ['2.17', '3.4.24', '1.3.11', '7.0.0'],
      ['2.26', '3.4.24', '1.3.11', '7.0.0'],
      ['2.34', '3.4.29', '1.3.13', '7.0.0'],
    ]);
  });

  test('have the loader of their architecture alone, and no library that a sandbox may lack', async () => {
    const own = { x86_64: 'ld-linux-x86-64.so.2', arm64: 'ld-linux-aarch64.so.1' }[architecture];
    for (const { libraries, present } of await loading) {
      expect([...libraries].filter((name) => name.startsWith('ld-'))).toEqual([own]);
      for (const soname of ['libcrypt.so.1', 'libz.so.1', 'libssl.so.10', 'libcurl.so.4'])
        expect(libraries.has(soname), soname).toBe(false);
      expect([...libraries].filter((soname) => !present.has(soname))).toEqual([]);
    }
  });
});

test('platforms that do not follow one from another are told', async () => {
  await using own = await temporaryFolder();
  const platform = (abi: string): string =>
    `glibc: '2.34'\nendOfLife: 2029-06-30\nruntime: x\ntoolchain: { base: x, release: '1' }\nabi: { newest: {}, ${abi} }\n`;
  await own.write({
    'a.yaml': platform(''),
    'b.yaml': platform('extends: a'),
    'c.yaml': platform('extends: a'),
  });
  const error = await failure(loadAbiProfiles([own.path], 'x86_64'), UsageError);
  expect(error.message).toBe(`2 platforms in ${own.path} extend a, expected one`);
  await own.write({ 'c.yaml': platform('extends: d') });
  expect((await failure(loadAbiProfiles([own.path], 'x86_64'), UsageError)).message).toBe(
    `0 platforms in ${own.path} extend b, expected one`,
  );
});
