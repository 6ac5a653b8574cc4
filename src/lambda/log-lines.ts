import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';

/** A line longer than this is cut into several. */
const LONGEST_LINE = 64 * 1024;

/**
 * Calls `onLine` for each line of the stream as it comes, without its newline, whatever the encoding's or
 * the lines' cuts; the last one also without a newline. Resolves when the stream ends or breaks.
 */
export async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const take = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    while (rest.length > LONGEST_LINE) {
      onLine(rest.slice(0, LONGEST_LINE));
      rest = rest.slice(LONGEST_LINE);
    }
  };
  await new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      take(decoder.write(chunk));
    });
    stream.on('error', () => {
      resolve();
    });
    stream.on('close', resolve);
    stream.on('end', resolve);
  });
  take(decoder.end());
  if (rest !== '') onLine(rest);
}
