import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256 } from './digest.js';
import { IntegrityError } from './errors.js';

const SUMS = 'SHA256SUMS';

/**
 * The bytes of a program in `prebuilt/`, which `scripts/build-prebuilt.sh` makes. Throws IntegrityError when the file is
 * missing, or when its digest is not the one in `prebuilt/SHA256SUMS`.
 */
export async function readPrebuilt(name: string, folder: string = prebuiltFolder()): Promise<Buffer> {
  const path = join(folder, name);
  const hint = 'The installation of layersmith is damaged: install it again.';
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

/** The nearest `prebuilt/` above this file: the compiled code lies at another depth than the source. */
function prebuiltFolder(): string {
  for (let at = import.meta.dirname; ; at = dirname(at)) {
    const folder = join(at, 'prebuilt');
    if (existsSync(join(folder, SUMS)) || dirname(at) === at) return folder;
  }
}
