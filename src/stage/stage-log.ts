import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';

/** What a build script reports when a command fails: `@layersmith failed STATUS FILE:LINE COMMAND`. */
export interface FailedCommand {
  readonly status: number;
  readonly place: string;
  readonly command: string;
}

const FAILED = /^@layersmith failed (\d+) (\S+) (.*)$/;
const KEPT_LINES = 12;

/** The output of one stage: all of it in a file, its last lines and the failed command in memory. */
export class StageLog implements AsyncDisposable {
  readonly path: string;
  readonly lastLines: string[] = [];
  failed: FailedCommand | undefined;
  readonly #file: WriteStream;
  readonly #onLine: (line: string) => void;
  #broken: Error | undefined;

  constructor(path: string, onLine: (line: string) => void) {
    this.path = path;
    this.#onLine = onLine;
    this.#file = createWriteStream(path);
    this.#file.on('error', (error) => {
      this.#broken = error;
    });
  }

  /** Reads a stream to its end. Rejects when the stream breaks, or the log cannot be written. */
  async follow(stream: Readable): Promise<void> {
    const decoder = new StringDecoder('utf8');
    let rest = '';
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (this.#broken !== undefined) throw this.#broken;
      if (!this.#file.write(chunk)) await once(this.#file, 'drain');
      const lines = (rest + decoder.write(chunk)).split('\n');
      // A line without an end must not grow for ever.
      rest = (lines.pop() ?? '').slice(-10_000);
      for (const line of lines) this.#take(line);
    }
    if (rest !== '') this.#take(rest);
  }

  #take(raw: string): void {
    const line = stripVTControlCharacters(raw).slice(0, 2_000).trimEnd();
    if (line.trim() === '') return;
    const [, status, place, command] = FAILED.exec(line) ?? [];
    if (status !== undefined && place !== undefined && command !== undefined) {
      // The first is the innermost: the command itself, not what called it.
      this.failed ??= { status: Number(status), place, command };
      return;
    }
    this.lastLines.push(line.slice(0, 300));
    if (this.lastLines.length > KEPT_LINES) this.lastLines.shift();
    this.#onLine(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#file.closed) return;
    this.#file.end();
    if (this.#broken === undefined) await once(this.#file, 'close').catch(() => undefined);
  }
}
