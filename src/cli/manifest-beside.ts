import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ARCHITECTURES } from '../platform/platform.js';

const manifestSchema = z.object({
  recipe: z.string(),
  platform: z.string(),
  architecture: z.enum(ARCHITECTURES),
});

/** What the manifest beside a layer zip says that commands go by; undefined where there is none that can be read. */
export async function manifestBeside(zip: string): Promise<z.infer<typeof manifestSchema> | undefined> {
  try {
    const text = await readFile(zip.replace(/\.zip$/, '.manifest.json'), 'utf8');
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
