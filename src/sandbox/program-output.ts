import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { createLineReader } from '../core/line-reader.js';

/** A line longer than this is cut. */
const LONGEST_LINE = 2_000;
/** A kept line longer than this is cut: it is shown in an error. */
const LONGEST_KEPT_LINE = 300;

/** The lines of a program's output, without control sequences and without empty ones. */
export interface OutputLines {
  /** The last ones, for an error. */
  readonly last: readonly string[];
  /** Reads a stream to its end. */
  readonly follow: (stream: Readable) => Promise<void>;
}

/**
 * Reads a program's output line by line. `onLine` receives each line as it comes; `isHidden` may leave a line out of both
 * `last` and `onLine`.
 */
export function readOutputLines(options: {
  /** How many lines `last` has at the most. */
  readonly keep: number;
  readonly onLine: (line: string) => void;
  readonly isHidden?: (line: string) => boolean;
  /** Receives the bytes as they are before they are split; reading waits for it. */
  readonly onBytes?: (bytes: Buffer) => Promise<void> | void;
}): OutputLines {
  const last: string[] = [];
  const add = (raw: string): void => {
    const line = stripVTControlCharacters(raw).slice(0, LONGEST_LINE).trimEnd();
    if (line.trim() === '' || options.isHidden?.(line) === true) return;
    last.push(line.slice(0, LONGEST_KEPT_LINE));
    if (last.length > options.keep) last.shift();
    options.onLine(line);
  };
  return {
    last,
    follow: async (stream) => {
      const lines = createLineReader(add);
      for await (const bytes of stream as AsyncIterable<Buffer>) {
        await options.onBytes?.(bytes);
        lines.write(bytes);
      }
      lines.flush();
    },
  };
}

/** A program's output as one text. */
export interface OutputText {
  readonly text: () => string;
  readonly follow: (stream: Readable) => Promise<void>;
}

/** Reads a stream to its end and keeps its beginning, up to about `maxLength` characters. */
export function readOutputText(maxLength: number): OutputText {
  const decoder = new StringDecoder('utf8');
  let text = '';
  return {
    text: () => text,
    follow: async (stream) => {
      for await (const bytes of stream as AsyncIterable<Buffer>)
        if (text.length < maxLength) text += decoder.write(bytes);
    },
  };
}
