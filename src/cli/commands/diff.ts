import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { readTree } from '../../tree/code-tree.js';
import { findManifest } from '../../layer/find-manifest.js';
import {
  diffLayers,
  type DiffSide,
  type FileChange,
  type LayerDiff,
  type VersionChange,
} from '../../pipeline/verify/diff-layers.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption } from '../options.js';
import { size } from '../words.js';

/** `layersmith diff`: what changed from one layer to another. */
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
      const spool = join(tmpdir(), `layersmith-diff-${randomUUID()}`);
      const spools = [`${spool}-before`, `${spool}-after`] as const;
      try {
        const before = await sideOf(resolve(io.cwd, args.before), spools[0]);
        const after = await sideOf(resolve(io.cwd, args.after), spools[1]);
        const diff = await diffLayers(before, after);
        io.out(args.json ? `${JSON.stringify(diff)}\n` : describe(diff));
      } finally {
        for (const file of spools) await rm(file, { force: true });
      }
    },
  });
}

async function sideOf(path: string, spool: string): Promise<DiffSide> {
  const entries = await readTree(path, { what: 'layer', spool });
  const info = await stat(path);
  return { entries, manifest: await findManifest(path), zipBytes: info.isFile() ? info.size : undefined };
}

/** As many of a file's symbols are told; --json has all. */
const SHOWN_SYMBOLS = 10;

function describe(diff: LayerDiff): string {
  const { packages, toolchain, files, symbols, unzippedBytes, zipBytes } = diff;
  const part = (title: string, lines: readonly string[]): readonly string[] =>
    lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
  const zip =
    zipBytes.before === undefined || zipBytes.after === undefined
      ? ''
      : `, zip ${fromTo(zipBytes.before, zipBytes.after)}`;
  return `${[
    ...(packages === undefined
      ? ['packages: not known, one of the layers has no manifest']
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
    ...(files.length === 0 ? ['the same files'] : []),
    `unzipped ${fromTo(unzippedBytes.before, unzippedBytes.after)}${zip}`,
  ].join('\n')}\n`;
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
