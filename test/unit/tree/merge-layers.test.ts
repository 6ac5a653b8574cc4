import { describe, expect, test } from 'vitest';
import { LayerError } from '../../../src/core/errors.js';
import { fileEntry, type TreeEntry } from '../../../src/tree/tree-entry.js';
import {
  checkBootstrap,
  checkUnzippedSize,
  withFolders,
  mergeLayers,
} from '../../../src/tree/merge-layers.js';

const folder = (path: string, mode = 0o755): TreeEntry => ({ type: 'directory', path, mode });
const link = (path: string, target: string): TreeEntry => ({ type: 'symlink', path, target });
const layer = (path: string, ...entries: TreeEntry[]) => ({ path, entries });

function refused(run: () => unknown): LayerError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(LayerError);
    return error as LayerError;
  }
  throw new Error('it was not refused');
}

describe('layers', () => {
  test('are laid over one another in their order', () => {
    const merged = mergeLayers([
      layer('a', fileEntry('bin/x', 'a'), fileEntry('bin/only-a', 'a')),
      layer('b', fileEntry('bin/x', 'b', 0o755), fileEntry('only-b', 'b')),
    ]);
    expect(merged).toEqual([
      folder('bin'),
      fileEntry('bin/only-a', 'a'),
      fileEntry('bin/x', 'b', 0o755),
      fileEntry('only-b', 'b'),
    ]);
  });

  test('get the folders that they do not name, and keep the modes of those that they do', () => {
    const merged = mergeLayers([layer('a', fileEntry('x/y/z', ''), folder('x', 0o700))]);
    expect(merged).toEqual([folder('x', 0o700), folder('x/y'), fileEntry('x/y/z', '')]);
  });

  test('may replace a file by a link and a link by a file', () => {
    const [a, b] = [layer('a', fileEntry('x', 'a')), layer('b', link('x', 'y'))];
    expect(mergeLayers([a, b])).toEqual([link('x', 'y')]);
    expect(mergeLayers([b, a])).toEqual([fileEntry('x', 'a')]);
  });

  test.each([
    [
      'a file where a folder was',
      fileEntry('lib/x', ''),
      fileEntry('lib', ''),
      'lib is a folder in one and a file in two',
    ],
    [
      'a folder where a file was',
      fileEntry('lib', ''),
      fileEntry('lib/x', ''),
      'lib is a file in one and a folder in two',
    ],
    [
      'a folder where a link was',
      link('lib', 'x'),
      folder('lib'),
      'lib is a link in one and a folder in two',
    ],
    [
      'a file below a link',
      link('lib', '/tmp'),
      fileEntry('lib/x/y', ''),
      'lib is a link in one and a folder in two',
    ],
  ])('may not have %s', (_what, first, second, message) => {
    expect(refused(() => mergeLayers([layer('one', first), layer('two', second)])).message).toBe(message);
  });

  test('with paths in other forms are the same paths', () => {
    const merged = mergeLayers([
      layer('a', fileEntry('./bin//x', 'a'), folder('./')),
      layer('b', fileEntry('bin/x', 'b')),
    ]);
    expect(merged).toEqual([folder('bin'), fileEntry('bin/x', 'b')]);
  });

  test('are five at the most', () => {
    const layers = Array.from({ length: 6 }, (_, index) => layer(String(index), fileEntry('x', '')));
    expect(mergeLayers(layers.slice(1))).toHaveLength(1);
    expect(refused(() => mergeLayers(layers)).message).toContain('6 layers are more than the 5');
  });

  test('must have a bootstrap between them', () => {
    expect(() => {
      checkBootstrap([fileEntry('bootstrap', '')]);
    }).not.toThrow();
    const error = refused(() => {
      checkBootstrap([folder('bootstrap'), fileEntry('bin/bootstrap', '')]);
    });
    expect(error.message).toBe('none of the layers has a bootstrap');
    expect(error.hint).toContain('layersmith build');
  });
});

test('a function in which a file is a folder as well is refused', () => {
  refused(() => withFolders(layer('f.zip', fileEntry('x', ''), fileEntry('x/y', ''))));
});

test('a function and its layers may have 250 MiB together, and no byte more', () => {
  const bytes = (sizeBytes: number): TreeEntry => ({
    ...fileEntry('x', ''),
    type: 'file',
    mode: 0o644,
    content: { bytes: new Uint8Array() },
    sizeBytes,
  });
  const limit = 250 * 1024 ** 2;
  checkUnzippedSize([bytes(limit - 5)], [bytes(5), folder('y')]);
  expect(
    refused(() => {
      checkUnzippedSize([bytes(limit)], [bytes(1)]);
    }).message,
  ).toContain('262144001 bytes unzipped');
});
