import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256 } from '../../../../src/core/digest.js';
import { formatLayerRecord, recordPath } from '../../../../src/layer/layer-record.js';
import { reportOtherSources } from '../../../../src/pipeline/verify/other-sources.js';
import { recordWith } from '../../../support/layer-record.js';
import { manifestStage, manifestWith } from '../../../support/manifest.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const [UPSTREAM, REPACKED] = [sha256('upstream'), sha256('repacked')];
const STAGE = manifestStage({
  recipe: 'lua/5.4',
  sources: [
    { name: 'lua', file: 'lua-5.4.7.tar.gz', sha256: UPSTREAM, urls: [] },
    { name: 'lua', file: 'lua5.4_5.4.7.orig.tar.xz', sha256: REPACKED, urls: [] },
  ],
});

/** What is reported if upstream's file is compiled, with this text as the record beside the zip. */
async function reportedWith(record: string | undefined): Promise<readonly string[]> {
  await using folder = await temporaryFolder();
  const zip = join(folder.path, 'layer.zip');
  await writeFile(zip, 'the zip');
  if (record !== undefined) await writeFile(recordPath(zip), record);
  const lines: string[] = [];
  await reportOtherSources(zip, {
    manifest: manifestWith({ stages: [STAGE] }),
    outcomes: [{ recipe: 'lua/5.4', artifact: sha256('artifact'), sources: { lua: UPSTREAM } }],
    reporter: {
      info: (line) => lines.push(line),
      warn: (line) => lines.push(`warning: ${line.replaceAll(folder.path, '')}`),
    },
  });
  return lines;
}

/** The record of a layer that was compiled from that file. */
function recordOf(used: string, zip = 'the zip'): string {
  return formatLayerRecord(
    recordWith({
      layer: { file: 'layer.zip', sha256: sha256(zip), sizeBytes: 7 },
      usedSources: { 'lua/5.4': { lua: used } },
    }),
  );
}

test('another alternative of a source than in the record beside the zip is reported with both files', async () => {
  expect(await reportedWith(recordOf(REPACKED))).toEqual([
    `lua/5.4: compiled lua from lua-5.4.7.tar.gz (${UPSTREAM}); the layer's record names lua5.4_5.4.7.orig.tar.xz (${REPACKED})`,
  ]);
});

test('the same alternative, no record, and the record of another zip are not reported', async () => {
  for (const record of [recordOf(UPSTREAM), undefined, recordOf(REPACKED, 'another zip')])
    expect(await reportedWith(record)).toEqual([]);
});

test('an invalid record is a warning', async () => {
  expect(await reportedWith('{')).toEqual([
    expect.stringContaining('warning: /layer.manifest.json is invalid'),
  ]);
});
