import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { sha256, sha256OfFile, type Sha256 } from '../../core/digest.js';

/** The folder of layersmith's own code. */
const CODE = dirname(dirname(import.meta.dirname));
/** The folders of the code that take part in assembling, auditing, archiving or testing a layer. */
const FOLDERS = [
  'audit',
  'core',
  'elf',
  'engine',
  'lambda',
  'layer',
  'pipeline',
  'platform',
  'recipe',
  'runtime',
  'sandbox',
  'smoke',
  'tree',
] as const;

const packageSchema = z.object({ dependencies: z.record(z.string(), z.string()) });

let known: Promise<Sha256> | undefined;

/**
 * Computes the sha256 of the code that assembles, audits, archives and tests a layer, and of the exact versions of its
 * dependencies. It is part of a layer's key: a layer is checked again when this code has changed.
 */
export function judgeDigest(packageRoot: string): Promise<Sha256> {
  known ??= digestOf(packageRoot);
  return known;
}

async function digestOf(packageRoot: string): Promise<Sha256> {
  const parts: string[] = [];
  for (const folder of FOLDERS) {
    const entries = await readdir(join(CODE, folder), { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile() && /(?<!\.d)\.[jt]s$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name).slice(CODE.length + 1))
      .sort();
    for (const file of files) parts.push(`${file} ${await sha256OfFile(join(CODE, file))}`);
  }
  // npm does not pack the lock file, and layersmith pins its own dependencies exactly.
  const { dependencies } = packageSchema.parse(
    JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')),
  );
  return sha256([...parts, JSON.stringify(dependencies)].join('\n'));
}
