import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { LayerError } from '../core/errors.js';
import { readTar } from '../tree/read-tar.js';

/** The artifact of a need: a normalized tar that is unpacked at `/opt`. */
export interface NeedArtifact {
  /** `openssl/3.5`. */
  readonly name: string;
  readonly path: string;
}

/** An error names this many paths. */
const NAMED_PATHS = 5;

/**
 * Throws LayerError if two needs of a stage have different entries at one path. The one that is unpacked last would replace the
 * other, and the order of needs is not part of the stage's keys. Equal entries are allowed.
 */
export async function refuseOverlaps(recipe: string, needs: readonly NeedArtifact[]): Promise<void> {
  const owners = new Map<string, { readonly name: string; readonly content: string }>();
  const overlaps: string[] = [];
  for (const { name, path } of needs) {
    for await (const [entry, content] of contentsOf(path)) {
      const owner = owners.get(entry);
      if (owner === undefined) owners.set(entry, { name, content });
      else if (owner.content !== content) overlaps.push(`${entry}: ${owner.name} and ${name}`);
    }
  }
  if (overlaps.length === 0) return;
  const more = overlaps.length - NAMED_PATHS;
  throw new LayerError(`the needs of ${recipe} install different files at the same path`, {
    details: { paths: [...overlaps.slice(0, NAMED_PATHS), ...(more > 0 ? [`and ${more} more`] : [])] },
    hint: 'Change the build.sh of one of them so that it does not install the file, or installs it elsewhere.',
  });
}

/** Yields the path of each entry of a tar, and a text that is the same for equal entries. */
async function* contentsOf(tar: string): AsyncGenerator<readonly [path: string, content: string]> {
  for await (const { header, content } of readTar(createReadStream(tar, { highWaterMark: 1024 ** 2 }))) {
    const hash = createHash('sha256');
    if (header.type === 'file') for await (const chunk of content) hash.update(chunk);
    const facts = [header.type, header.mode, header.linkname, hash.digest('hex')];
    yield [header.name.replace(/\/$/, ''), JSON.stringify(facts)];
  }
}
