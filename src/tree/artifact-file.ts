import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';

/** The bytes of one small file of an artifact (a normalized tar), or undefined when it has none of that path. */
export async function artifactFile(artifact: string, path: string): Promise<Buffer | undefined> {
  const reader = extract();
  const source = createReadStream(artifact);
  source.on('error', (error) => {
    reader.destroy(error);
  });
  source.pipe(reader);
  try {
    for await (const entry of reader) {
      if (entry.header.name === path) return await buffer(entry);
      entry.resume();
    }
    return undefined;
  } finally {
    source.destroy();
  }
}
