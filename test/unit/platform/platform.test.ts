import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RecipeError, UsageError } from '../../../src/core/errors.js';
import { ARCHITECTURES, loadPlatform, platformNames } from '../../../src/platform/platform.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const folders = [join(PACKAGE_ROOT, 'platforms')];

test("Lambda's three runtimes without a language are there", async () => {
  expect(await platformNames(folders)).toEqual(['provided', 'provided.al2', 'provided.al2023']);
});

describe.each(await platformNames(folders))('%s', (name) => {
  test.each(ARCHITECTURES)('can be read for %s', async (architecture) => {
    const platform = await loadPlatform(name, { folders, architecture, registry: undefined });
    expect(platform).toMatchObject({ name, architecture });
    expect(platform.glibc).toMatch(/^2\.\d+$/);
    expect(platform.toolchain.base).toMatch(/^public\.ecr\.aws\/amazonlinux\/amazonlinux:/);
    expect(platform.toolchain.base).not.toContain('latest');
    expect(platform.runtime).toMatch(/^public\.ecr\.aws\//);
  });

  test('takes its images from another registry when one is named', async () => {
    const options = { folders, architecture: 'x86_64' } as const;
    const own = await loadPlatform(name, { ...options, registry: undefined });
    const other = await loadPlatform(name, { ...options, registry: '127.0.0.1:5000' });
    const replaced = (image: string): string => image.replace('public.ecr.aws', '127.0.0.1:5000');
    expect(other).toEqual({
      ...own,
      toolchain: { ...own.toolchain, base: replaced(own.toolchain.base) },
      runtime: replaced(own.runtime),
    });
  });
});

test('a platform that is not known is a usage error with the nearest names', async () => {
  const options = { folders, architecture: 'x86_64', registry: undefined } as const;
  const error = await failure(loadPlatform('provided.al2032', options), UsageError);
  expect(error.message).toBe(
    'there is no platform provided.al2032. Did you mean provided.al2023 or provided.al2?',
  );
  expect(error.hint).toBe('Use one of the platforms provided, provided.al2, provided.al2023.');
});

test('every mistake of a platform file is told at once', async () => {
  await using own = await temporaryFolder();
  await own.write({ 'mine.yaml': 'glibc: 2.34\nruntime: x\ntoolchain: { bse: x, release: "1" }\n' });
  const options = { folders: [own.path], architecture: 'x86_64', registry: undefined } as const;
  const { problems } = await failure(loadPlatform('mine', options), RecipeError);
  expect(problems.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([
    '1:1 `endOfLife` is missing: string expected',
    '1:1 `abi` is missing: object expected',
    '1:8 `glibc`: Invalid input: expected string, received number',
    '3:12 `toolchain.base` is missing: string expected',
    '3:14 unknown key `bse` in `toolchain`. Did you mean base?',
  ]);
});

test('a platform of the project comes before the built-in one of its name', async () => {
  await using own = await temporaryFolder();
  await own.write({ 'provided.al2023.yaml': 'glibc: 2.34\n' });
  const options = { folders: [own.path, ...folders], architecture: 'x86_64', registry: undefined } as const;
  const { problems } = await failure(loadPlatform('provided.al2023', options), RecipeError);
  expect(problems[0]?.file).toBe(join(own.path, 'provided.al2023.yaml'));
  expect(await platformNames(options.folders)).toEqual(['provided', 'provided.al2', 'provided.al2023']);
});
