import { StringDecoder } from 'node:string_decoder';

/** Longer lines are split into several. */
const LONGEST_LINE = 64 * 1024;

/** Splits bytes into lines. Chunks may end anywhere, even within a character. */
export interface LineReader {
  write(bytes: Buffer): void;
  /** Delivers an unfinished last line. */
  flush(): void;
}

/** Creates a reader that calls `onLine` for each line, without its newline. */
export function createLineReader(onLine: (line: string) => void): LineReader {
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
  return {
    write: (bytes) => {
      take(decoder.write(bytes));
    },
    flush: () => {
      take(decoder.end());
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}
