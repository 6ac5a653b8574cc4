import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whose bootstrap speaks to the Runtime API: the client that misbehaves, or the product's. */
export type Bootstrap = 'c' | 'php/8.4' | 'php/7.4' | 'lua/5.4' | 'lua/5.4 on arm64';

/** What is posted to the endpoint. */
export interface Event {
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One function and the events that it gets, one after the other. */
export interface Case {
  /** What is tried, in plain words; the table of differences names cases by it. */
  readonly name: string;
  readonly bootstrap: Bootstrap;
  readonly handler: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly events: readonly Event[];
  readonly env?: Readonly<Record<string, string>>;
  /** 3 by default. */
  readonly timeoutSeconds?: number;
  /** A script of the client that does not come to its end. */
  readonly endless?: boolean;
}

/** A function's source, of those in `functions/`. */
export function functionFile(name: string): string {
  return readFileSync(join(import.meta.dirname, 'functions', name), 'utf8');
}

/** Events that tell the functions in `functions/` what to do. */
export function does(...events: readonly (string | Readonly<Record<string, unknown>>)[]): readonly Event[] {
  return events.map((event) => ({
    body: JSON.stringify(typeof event === 'string' ? { do: event } : event),
  }));
}
