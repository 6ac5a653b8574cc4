import type { Case, Event } from './case.js';

/** An event that says nothing. */
export const EVENT: Event = { body: '{"n":1}' };

/** A case of the client that misbehaves. */
export interface Script {
  readonly name: string;
  /** The client's commands; `recipes/misbehave/misbehave.c` says what there are. */
  readonly script: string;
  /** `EVENT` alone by default. */
  readonly events?: readonly Event[];
  readonly timeoutSeconds?: number;
  /** It does not come to the script's end. */
  readonly endless?: boolean;
}

/** Cases of scripts: each is the function's only file. */
export function scripted(scripts: readonly Script[]): readonly Case[] {
  return scripts.map(({ name, script, events = [EVENT], timeoutSeconds = 3, endless = false }) => ({
    name,
    bootstrap: 'c',
    handler: 'script',
    files: { script: `${script.trim()}\n` },
    events,
    timeoutSeconds,
    endless,
  }));
}
