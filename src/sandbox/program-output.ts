import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';
import { createLineReader } from '../core/line-reader.js';

/** Longer lines are truncated. */
const LONGEST_LINE = 2_000;
/** Longer lines are truncated in errors. */
const LONGEST_KEPT_LINE = 300;

/** The lines of a program's output, without control sequences and empty lines. */
export interface OutputLines {
  /** The last lines, for errors. */
  readonly last: readonly string[];
  /** Reads a stream to its end. */
  readonly follow: (stream: Readable) => Promise<void>;
}

/**
 * Reads a program's output line by line. `onLine` receives each line; lines for which `isHidden` returns true are omitted
 * from `last` and `onLine`.
 */
export function readOutputLines(options: {
  /** The maximum number of lines in `last`. */
  readonly keep: number;
  readonly onLine: (line: string) => void;
  readonly isHidden?: (line: string) => boolean;
  /** Receives the bytes before they are split into lines; reading waits for it. */
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
  /** Reads a stream to its end. */
  readonly follow: (stream: Readable) => Promise<void>;
}

/** Reads a program's output and keeps its beginning, up to about `maxLength` characters. */
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
