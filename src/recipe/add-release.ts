import { isDeepStrictEqual } from 'node:util';
import { isMap, isSeq, parseDocument, stringify, type Document } from 'yaml';
import type { Sha256 } from '../core/digest.js';
import { IntegrityError, UsageError } from '../core/errors.js';
import { compareVersions, parseVersion } from '../core/version-order.js';
import { parseYaml } from '../core/yaml-file.js';
import { lineSchema } from './recipe-schema.js';
import { releasesIn, type Release } from './release.js';

/** A release to add to the file of a line. */
export interface NewRelease {
  readonly version: string;
  readonly security: readonly string[];
  /** The name of its source in the recipe. */
  readonly source: string;
  readonly file: string;
  readonly sha256: Sha256;
  readonly urls: readonly string[];
  /** What is known about the digest, as a comment. Undefined for none. */
  readonly comment: string | undefined;
}

/**
 * Adds a release to the text of a line's file, at its place among the others. Everything else keeps its bytes, comments included;
 * a line with one release gets a list. Throws UsageError if the line has the release already, IntegrityError if it has it with
 * another digest, and UsageError if the file has a form in which nothing can be inserted.
 */
export function addRelease(text: string, release: NewRelease, path: string): string {
  const before = releasesOf(text, path);
  const known = before.find(({ version }) => version === release.version);
  if (known !== undefined) throw alreadyThere(known, release, path);
  const listed =
    isMap(parseDocument(text).contents) && parseDocument(text).has('releases') ? text : withList(text, path);
  const document = parseDocument(listed);
  const list = document.get('releases');
  if (!isSeq(list) || list.flow === true) throw cannotInsert(path);
  const older = before.findIndex(({ version }) => isNewer(release.version, version));
  const lines = listed.split('\n');
  const indent = indentOf(lines, lineOf(document, listed, 0));
  const at =
    older === -1
      ? endOf(lines, lineOf(document, listed, before.length - 1), indent)
      : lineOf(document, listed, older);
  // Comments above an item belong to it.
  let line = at;
  while (older !== -1 && lines[line - 1]?.trimStart().startsWith('#') === true) line -= 1;
  lines.splice(line, 0, ...itemLines(release, indent));
  const result = lines.join('\n');
  const after = releasesOf(result, path).filter(({ version }) => version !== release.version);
  if (!isDeepStrictEqual(after, before)) throw cannotInsert(path);
  return result;
}

function releasesOf(text: string, path: string): readonly Release[] {
  const parsed = parseYaml(text, { file: path, schema: lineSchema });
  if (parsed.ok) return releasesIn(parsed.value);
  const [problem] = parsed.problems;
  throw new UsageError(`${path} would not be valid: ${problem?.message ?? ''}`, {
    hint: 'Correct the file, or what is to be added, first.',
  });
}

function isNewer(a: string, b: string): boolean {
  const [left, right] = [parseVersion(a, ''), parseVersion(b, '')];
  return left === undefined || right === undefined || compareVersions(left, right) > 0;
}

/** Returns the number of the line, from 0, on which an item of `releases` starts. */
function lineOf(document: Document, text: string, index: number): number {
  const item: unknown = document.getIn(['releases', index], true);
  const start = isMap(item) ? item.range?.[0] : undefined;
  if (start === undefined) throw new RangeError(`there is no release ${index}`);
  return text.slice(0, start).split('\n').length - 1;
}

function indentOf(lines: readonly string[], line: number): string {
  return /^ */.exec(lines[line] ?? '')?.[0] ?? '';
}

/** Returns the line after an item: the first that is not indented more than the item. */
function endOf(lines: readonly string[], start: number, indent: string): number {
  let line = start + 1;
  while (line < lines.length && lines[line]?.startsWith(`${indent} `) === true) line += 1;
  return line;
}

function itemLines(
  { version, security, source, file, sha256, urls, comment }: NewRelease,
  indent: string,
): string[] {
  const item = {
    version,
    ...(security.length > 0 && { security }),
    sources: { [source]: [{ file, sha256, urls }] },
  };
  return stringify([item], { lineWidth: 0 })
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      const isFile = comment !== undefined && line.trimStart().startsWith('- file:');
      const above = isFile ? [`${indent}${/^ */.exec(line)?.[0] ?? ''}# ${comment}`] : [];
      return [...above, `${indent}${line}`];
    });
}

/** Turns `version`, `sources`, `patches` and `bundles` of a line with one release into a list of one. */
function withList(text: string, path: string): string {
  const lines = text.split('\n');
  const blockOf = (key: string): readonly [number, number] => {
    const start = lines.findIndex((line) => line.startsWith(`${key}:`));
    return start < 0 ? [-1, -1] : [start, endOf(lines, start, '')];
  };
  const [version, sources] = [blockOf('version'), blockOf('sources')];
  if (version[0] < 0 || sources[0] < 0) throw cannotInsert(path);
  const blocks = [version, sources, blockOf('patches'), blockOf('bundles')];
  const item = blocks.flatMap(([start, end]) => (start < 0 ? [] : lines.slice(start, end)));
  const moved = new Set(blocks.flatMap(([start, end]) => range(start, end)));
  return lines
    .flatMap((line, index) => {
      if (index === sources[0])
        return ['releases:', ...item.map((each, at) => `${at === 0 ? '  - ' : '    '}${each}`)];
      return moved.has(index) ? [] : [line];
    })
    .join('\n');
}

function range(start: number, end: number): readonly number[] {
  return Array.from({ length: end - start }, (_, index) => start + index);
}

function alreadyThere(known: Release, { version, sha256 }: NewRelease, path: string): Error {
  const digests = known.sources.flatMap(({ alternatives }) => alternatives.map((file) => file.sha256));
  if (digests.includes(sha256))
    return new UsageError(`${path} has ${version} already`, { hint: 'There is nothing to do.' });
  return new IntegrityError(`${path} has ${version} already, with another sha256`, {
    details: { expected: digests, actual: sha256 },
    hint: 'Find out which of the files is upstream’s. Another packing of the same release is an alternative: add it by hand.',
  });
}

function cannotInsert(path: string): UsageError {
  return new UsageError(`${path} has a form in which no release can be inserted`, {
    hint: 'Write `releases`, or `version` and `sources`, as a block with one key a line.',
  });
}
