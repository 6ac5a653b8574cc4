import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256, sha256OfFile, type Sha256 } from '../../core/digest.js';

/** The folder of layersmith's own code. */
const CODE = dirname(dirname(import.meta.dirname));
/** Folders of the code that take no part in assembling, auditing or testing a layer. */
const WITHOUT = /^(cli|publish|advisories|source)\//;

let known: Promise<Sha256> | undefined;

/**
 * Computes the sha256 of the code that assembles, audits, archives and tests a layer, and of the versions of its
 * dependencies. It is part of a layer's key: a layer is checked again when this code has changed.
 */
export function judgeDigest(packageRoot: string): Promise<Sha256> {
  known ??= digestOf(packageRoot);
  return known;
}

async function digestOf(packageRoot: string): Promise<Sha256> {
  const entries = await readdir(CODE, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(CODE.length + 1))
    .filter((file) => /\.[jt]s$/.test(file) && !file.endsWith('.d.ts') && !WITHOUT.test(file))
    .sort();
  const digests: string[] = [];
  for (const file of files) digests.push(`${file} ${await sha256OfFile(join(CODE, file))}`);
  return sha256([...digests, await sha256OfFile(join(packageRoot, 'package-lock.json'))].join('\n'));
}
