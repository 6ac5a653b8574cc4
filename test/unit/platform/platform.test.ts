import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RecipeError, UsageError } from '../../../src/core/errors.js';
import { ARCHITECTURES, loadPlatform, platformNames } from '../../../src/platform/platform.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const folders = [join(PACKAGE_ROOT, 'platforms')];

test("Lambda's three OS-only runtimes are built in", async () => {
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

test('an unknown platform is a usage error with the nearest names', async () => {
  const options = { folders, architecture: 'x86_64', registry: undefined } as const;
  const error = await failure(loadPlatform('provided.al2032', options), UsageError);
  expect(error.message).toMatch(/provided\.al2032\. .* provided\.al2023 or provided\.al2\?$/);
  expect(error.hint).toContain('provided, provided.al2, provided.al2023');
});

test('every problem of a platform file is reported at once', async () => {
  await using own = await temporaryFolder();
  await own.write({ 'mine.yaml': 'glibc: 2.34\nruntime: x\ntoolchain: { bse: x, release: "1" }\n' });
  const options = { folders: [own.path], architecture: 'x86_64', registry: undefined } as const;
  const { problems } = await failure(loadPlatform('mine', options), RecipeError);
  expect(problems.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([
    expect.stringMatching(/^1:1 `endOfLife` is missing/),
    expect.stringMatching(/^1:1 `abi` is missing/),
    expect.stringMatching(/^1:8 `glibc`: .*string.*number/),
    expect.stringMatching(/^3:12 `toolchain\.base` is missing/),
    expect.stringMatching(/^3:14 .*`bse` in `toolchain`.* base\?$/),
  ]);
});

test("the project's platform has precedence over the built-in one of the same name", async () => {
  await using own = await temporaryFolder();
  await own.write({ 'provided.al2023.yaml': 'glibc: 2.34\n' });
  const options = { folders: [own.path, ...folders], architecture: 'x86_64', registry: undefined } as const;
  const { problems } = await failure(loadPlatform('provided.al2023', options), RecipeError);
  expect(problems[0]?.file).toBe(join(own.path, 'provided.al2023.yaml'));
  expect(await platformNames(options.folders)).toEqual(['provided', 'provided.al2', 'provided.al2023']);
});
