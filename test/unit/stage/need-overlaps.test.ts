import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { LayerError } from '../../../src/core/errors.js';
import { refuseOverlaps, type NeedArtifact } from '../../../src/stage/need-overlaps.js';
import { runStage, type StageRun } from '../../../src/stage/run-stage.js';
import { packTree } from '../../../src/tree/pack-tree.js';
import { fileEntry, type TreeEntry } from '../../../src/tree/tree-entry.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const LIB: TreeEntry = { type: 'directory', path: 'lib', mode: 0o755 };

/** The artifacts of needs with these entries, in a folder. */
async function needsIn(
  folder: string,
  needs: Readonly<Record<string, readonly TreeEntry[]>>,
): Promise<readonly NeedArtifact[]> {
  const artifacts: NeedArtifact[] = [];
  for (const [name, entries] of Object.entries(needs)) {
    const path = join(folder, `${name.replace('/', '-')}.tar`);
    await pipeline(packTree(entries, { owner: 0 }), createWriteStream(path));
    artifacts.push({ name, path });
  }
  return artifacts;
}

test('needs may share folders and equal files', async () => {
  await using folder = await temporaryFolder();
  const needs = await needsIn(folder.path, {
    'one/1': [LIB, fileEntry('lib/a', 'a'), fileEntry('lib/same', 'same')],
    'two/1': [LIB, fileEntry('lib/b', 'b'), fileEntry('lib/same', 'same')],
  });
  await refuseOverlaps('app/1', needs);
});

test.each<[string, TreeEntry]>([
  ['content', fileEntry('lib/a', 'b')],
  ['a mode', fileEntry('lib/a', 'a', 0o755)],
  ['a link', { type: 'symlink', path: 'lib/a', target: 'b' }],
])('needs that differ in %s at one path are refused, in either order', async (_what, other) => {
  await using folder = await temporaryFolder();
  const needs = await needsIn(folder.path, {
    'one/1': [LIB, fileEntry('lib/a', 'a')],
    'two/1': [LIB, other],
  });
  const error = await failure(refuseOverlaps('app/1', needs), LayerError);
  expect(error).toMatchObject({
    message: 'the needs of app/1 install different files at the same path',
    details: { paths: ['lib/a: one/1 and two/1'] },
  });
  const reversed = await failure(refuseOverlaps('app/1', [...needs].reverse()), LayerError);
  expect(reversed.details['paths']).toEqual(['lib/a: two/1 and one/1']);
});

test('a stage whose needs overlap is refused before its container is created', async () => {
  await using folder = await temporaryFolder();
  const needs = await needsIn(folder.path, {
    'one/1': [fileEntry('a', 'a')],
    'two/1': [fileEntry('a', 'b')],
  });
  // It has no engine: creating a container would be another error.
  const run = { recipe: { name: 'app/1' }, needs } as unknown as StageRun;
  const error = await failure(runStage(run, join(folder.path, 'output')), LayerError);
  expect(error.message).toContain('the needs of app/1 install different files');
});
