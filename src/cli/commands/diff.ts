import { stat } from 'node:fs/promises';
import type { Argv } from 'yargs';
import { openScope, type DisposalScope } from '../../core/disposal-scope.js';
import { openUserScratch } from '../../core/scratch.js';
import { readTree } from '../../tree/code-tree.js';
import type { ScratchPlace } from '../../tree/tree.js';
import { findManifest } from '../../layer/find-manifest.js';
import {
  diffLayers,
  type DiffSide,
  type DiffSummary,
  type FileChange,
  type LayerDiff,
  type VersionChange,
} from '../../pipeline/verify/diff-layers.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { layerFile } from '../layer-files.js';
import { warnTo } from '../session.js';
import { jsonOption } from '../options.js';
import { size } from '../words.js';

/** Creates `layersmith diff`: shows what changed from one layer to another. */
export function diffCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('before', { type: 'string', demandOption: true, describe: 'Layer zip or folder' })
        .positional('after', {
          type: 'string',
          demandOption: true,
          describe: 'Layer zip or folder to compare with it',
        })
        .options(jsonOption)
        .example('$0 diff published.zip dist/php-8.4.24-provided.al2023-x86_64.zip', 'Before publishing'),
    handler: async (args) => {
      await using scope = openScope();
      const options = { scope, tmpDir: await openUserScratch(io.tmpDir), warn: warnTo(io) };
      const before = await sideOf(await layerFile(io, args.before), options);
      const after = await sideOf(await layerFile(io, args.after), options);
      const diff = await diffLayers(before, after);
      io.out(args.json ? `${JSON.stringify(diff)}\n` : describe(diff));
    },
  });
}

async function sideOf(
  path: string,
  {
    scope,
    ...options
  }: ScratchPlace & { readonly scope: DisposalScope; readonly warn: (message: string) => void },
): Promise<DiffSide> {
  const { entries } = scope.own(await readTree(path, { what: 'layer', ...options }));
  const info = await stat(path);
  return { entries, manifest: await findManifest(path), zipBytes: info.isFile() ? info.size : undefined };
}

/** How many symbols of a file are shown. --json prints all. */
const SHOWN_SYMBOLS = 10;

function describe(diff: LayerDiff): string {
  const { summary, packages, toolchain, files, symbols, unzippedBytes, zipBytes } = diff;
  const part = (title: string, lines: readonly string[]): readonly string[] =>
    lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
  const zip =
    zipBytes.before === undefined || zipBytes.after === undefined
      ? ''
      : `, zip ${fromTo(zipBytes.before, zipBytes.after)}`;
  return `${[
    ...(packages === undefined
      ? ['packages: unknown, because one of the layers has no manifest']
      : part('packages', packages.map(version))),
    ...part('toolchain', (toolchain ?? []).map(version)),
    ...part('files', files.map(file)),
    ...part(
      'symbols',
      symbols.flatMap(({ path, added, removed }) => {
        const lines = [...removed.map((each) => `- ${each}`), ...added.map((each) => `+ ${each}`)];
        const more = lines.length - SHOWN_SYMBOLS;
        return [
          path,
          ...lines.slice(0, SHOWN_SYMBOLS).map((line) => `  ${line}`),
          ...(more > 0 ? [`  and ${more} more`] : []),
        ];
      }),
    ),
    files.length === 0 ? 'the same files' : summarize(summary),
    `unzipped ${fromTo(unzippedBytes.before, unzippedBytes.after)}${zip}`,
  ].join('\n')}\n`;
}

/** `files: 3 added (1.2 KB), 1 removed (8 B), 2 changed (9 B → 12 B), 40 the same`. */
function summarize({ added, removed, changed, same }: DiffSummary): string {
  const parts = [
    ...(added.files === 0 ? [] : [`${added.files} added (${size(added.bytes)})`]),
    ...(removed.files === 0 ? [] : [`${removed.files} removed (${size(removed.bytes)})`]),
    ...(changed.files === 0
      ? []
      : [`${changed.files} changed (${fromTo(changed.bytesBefore, changed.bytesAfter)})`]),
    `${same} the same`,
  ];
  return `files: ${parts.join(', ')}`;
}

function version({ name, before, after, note }: VersionChange): string {
  if (before === undefined) return `+ ${name} ${after ?? ''}`;
  if (after === undefined) return `- ${name} ${before}`;
  return before === after ? `~ ${name} ${after}, ${note ?? ''}` : `~ ${name} ${before} → ${after}`;
}

function file({ path, change, bytesBefore, bytesAfter, detail }: FileChange): string {
  const sized = (bytes: number | undefined): string => (bytes === undefined ? '' : `  ${size(bytes)}`);
  if (change === 'added') return `+ ${path}${sized(bytesAfter)}`;
  if (change === 'removed') return `- ${path}${sized(bytesBefore)}`;
  const sizes =
    bytesBefore === undefined || bytesAfter === undefined ? '' : `  ${fromTo(bytesBefore, bytesAfter)}`;
  return `~ ${path}${sizes}  ${detail ?? ''}`;
}

function fromTo(before: number, after: number): string {
  const difference = after - before;
  if (difference === 0) return size(after);
  return `${size(before)} → ${size(after)} (${difference > 0 ? '+' : '-'}${size(Math.abs(difference))})`;
}
