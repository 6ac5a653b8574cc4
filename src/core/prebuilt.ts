import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256 } from './digest.js';
import { IntegrityError } from './errors.js';

const SUMS = 'SHA256SUMS';

/**
 * Returns the bytes of a program in `prebuilt/`, which `scripts/build-prebuilt.sh` builds. Throws IntegrityError if the
 * file is missing or does not match its digest in `prebuilt/SHA256SUMS`.
 */
export async function readPrebuilt(name: string, folder: string = prebuiltFolder()): Promise<Buffer> {
  const path = join(folder, name);
  const hint = 'Reinstall layersmith: its installation is damaged.';
  try {
    const [bytes, sums] = await Promise.all([readFile(path), readFile(join(folder, SUMS), 'utf8')]);
    const expected = sums.split('\n').find((line) => line.endsWith(`  ${name}`));
    const actual = sha256(bytes);
    if (expected?.startsWith(`${actual} `) === true) return bytes;
    throw new IntegrityError(`sha256 of ${path} does not match ${SUMS}`, {
      details: { expected: expected?.split(' ')[0] ?? 'no entry', actual },
      hint,
    });
  } catch (cause) {
    if (cause instanceof IntegrityError) throw cause;
    throw new IntegrityError(
      `cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        hint,
        cause,
      },
    );
  }
}

/** Returns the nearest `prebuilt/` above this file. Compiled code and source code are at different depths. */
function prebuiltFolder(): string {
  for (let at = import.meta.dirname; ; at = dirname(at)) {
    const folder = join(at, 'prebuilt');
    if (existsSync(join(folder, SUMS)) || dirname(at) === at) return folder;
  }
}
