import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LayerError } from '../../src/core/errors.js';
import { fileEntry, type TreeEntry } from '../../src/core/tar.js';
import { checkLayerTree } from '../../src/layer/check-layer.js';
import { failure } from '../support/failure.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const LIMIT = 250 * 1024 ** 2;

/** An entry of that size whose bytes are a hole in a file. */
function hole(file: string, sizeBytes: number): TreeEntry {
  return { type: 'file', path: 'bin/large', mode: 0o755, sizeBytes, content: { file, start: 0 } };
}

test('a tree within the rules gives its unzipped size', async () => {
  const entries: TreeEntry[] = [
    { type: 'directory', path: 'bin', mode: 0o755 },
    fileEntry('bin/a', '12345'),
    fileEntry('bin/b', '/build is a word'),
    { type: 'symlink', path: 'bin/c', target: 'a' },
  ];
  expect(await checkLayerTree(entries)).toEqual({ unzippedBytes: 5 + 16 });
});

describe("Lambda's limit", () => {
  test('is kept by a tree of exactly 250 MiB, and not by one byte more', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'large');
    await writeFile(file, '');
    await truncate(file, LIMIT);
    expect(await checkLayerTree([hole(file, LIMIT)])).toEqual({ unzippedBytes: LIMIT });
    const error = await failure(checkLayerTree([hole(file, LIMIT), fileEntry('one', '1')]), LayerError);
    expect(error.message).toBe(
      `the layer breaks a rule: ${LIMIT + 1} bytes unzipped, over Lambda's ${LIMIT} for a function and its layers`,
    );
    expect(error.hint).toContain('layer.files');
  });
});

describe('a path of the build containers in a file is found', () => {
  test.each(['/build/work/php/main.c', '/build/out/opt', '/build/recipe', '/build/sources/x'])(
    '%s',
    async (path) => {
      const error = await failure(checkLayerTree([fileEntry('bin/php', `\0elf\0${path}\0`)]), LayerError);
      expect(error.message).toMatch(/^the layer breaks a rule: bin\/php names the build path \/build\/\w+$/);
    },
  );

  test('wherever a chunk of the file ends', async () => {
    await using folder = await temporaryFolder();
    const path = '/build/work';
    const chunk = 64 * 1024;
    for (let start = chunk - path.length - 1; start <= chunk + 1; start++) {
      const file = join(folder.path, String(start));
      await writeFile(
        file,
        Buffer.concat([Buffer.alloc(start, '.'), Buffer.from(path), Buffer.alloc(chunk, '.')]),
      );
      const sizeBytes = start + path.length + chunk;
      const error = await failure(checkLayerTree([hole(file, sizeBytes)]), LayerError);
      expect(error.message, `at ${start}`).toContain('names the build path /build/work');
    }
  });

  test('in every file that has one, all told at once', async () => {
    const entries = [fileEntry('a', '/build/work'), fileEntry('b', 'fine'), fileEntry('c', '/build/out')];
    const error = await failure(checkLayerTree(entries), LayerError);
    expect(error.message).toBe(
      'the layer breaks rules: a names the build path /build/work; c names the build path /build/out',
    );
  });
});
