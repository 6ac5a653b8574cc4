import { createWriteStream } from 'node:fs';
import { mkdir, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pipeline } from 'node:stream/promises';
import { openContent, type TreeEntry } from '../src/tree/tree-entry.js';
import { writeZip } from '../src/tree/zip-writer.js';
import type { BenchContext } from './bench-context.js';
import { measured } from './measured.js';
import { formatReport, howBusy, median } from './report.js';

/** Measures what happens to a compiled layer: zipping, compared with Info-ZIP's `zip -9`, and the audit. */
export async function benchLayer(
  bench: BenchContext,
  { root, recipe, runs }: { readonly root: string; readonly recipe: string; readonly runs: number },
): Promise<string> {
  const busy = howBusy();
  const entries = await bench.layer(recipe);
  const tree = join(bench.folder, 'tree');
  await writeTree(tree, entries);
  const [ours, theirs] = [join(bench.folder, 'ours.zip'), join(bench.folder, 'theirs.zip')];
  const seconds: { readonly ours: number[]; readonly theirs: number[]; readonly audit: number[] } = {
    ours: [],
    theirs: [],
    audit: [],
  };
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    await writeZip(ours, entries);
    seconds.ours.push((performance.now() - started) / 1000);
    await rm(theirs, { force: true });
    seconds.theirs.push((await measured('zip', ['-q', '-9', '-r', '-X', '-y', theirs, '.'], tree)).seconds);
    const cli = join(root, 'build', 'cli', 'main.js');
    seconds.audit.push((await measured('node', [cli, 'audit', ours])).seconds);
  }
  const [zip, infoZip, audit] = [median(seconds.ours), median(seconds.theirs), median(seconds.audit)];
  const [bytes, infoBytes] = [(await stat(ours)).size, (await stat(theirs)).size];
  return formatReport(`layer: ${recipe}, medians of ${runs}, ${busy}`, [
    { what: 'zipping', value: `${zip.toFixed(2)} s, ${bytes} bytes` },
    { what: 'beside it, zip -9', value: `${infoZip.toFixed(2)} s, ${infoBytes} bytes` },
    {
      what: 'its time, in those of zip -9',
      value: (zip / infoZip).toFixed(2),
      aim: 'at most 1',
      met: zip <= infoZip,
    },
    {
      what: 'its size, in those of zip -9',
      value: (bytes / infoBytes).toFixed(3),
      aim: 'at most 1',
      met: bytes <= infoBytes,
    },
    {
      what: 'audit of the zip, as a process',
      value: `${audit.toFixed(2)} s`,
      aim: 'under 1 s',
      met: audit < 1,
    },
  ]);
}

/** Writes a tree to a folder. */
async function writeTree(folder: string, entries: readonly TreeEntry[]): Promise<void> {
  for (const entry of entries) {
    const path = join(folder, entry.path);
    await mkdir(dirname(path), { recursive: true });
    if (entry.type === 'directory') await mkdir(path, { recursive: true });
    else if (entry.type === 'symlink') await symlink(entry.target, path);
    else await pipeline(openContent(entry), createWriteStream(path, { mode: entry.mode }));
  }
}
