// node write-generated.mjs FOLDER
// Writes the programs that layersmith generates from runtimes/ into a folder: FOLDER/NAME-bootstrap, and FOLDER/php-compile.
// Needs build/.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compilerProgram } from '../build/runtime/php/compiled-code.js';
import { RUNTIMES } from '../build/runtime/runtimes.js';

const folder = process.argv[2] ?? '.';
const sources = join(import.meta.dirname, '..', 'runtimes');
await mkdir(folder, { recursive: true });
for (const runtime of RUNTIMES)
  await writeFile(join(folder, `${runtime.name}-bootstrap`), await runtime.bootstrap(sources, 'function'));
await writeFile(join(folder, 'php-compile'), await compilerProgram(sources));
