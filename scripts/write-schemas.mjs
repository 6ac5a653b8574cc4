// node write-schemas.mjs
// Writes the JSON schemas of layersmith.yaml, recipes and platforms into schemas/. Needs build/.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonSchemas } from '../build/cli/schemas.js';

const folder = join(import.meta.dirname, '..', 'schemas');
await mkdir(folder, { recursive: true });
for (const [name, text] of jsonSchemas()) await writeFile(join(folder, name), text);
