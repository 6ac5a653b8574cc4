import { LayersmithError } from '../core/errors.js';
import { noPaint, type Paint } from './color.js';

export interface PrintOptions {
  readonly print: (text: string) => void;
  readonly paint?: Paint;
  /** The folder of `--store`, for hints that name a command on the store. */
  readonly store?: string | undefined;
}

/** Prints an error for people: what happened, the relevant values, and what to do. Internal errors include the stack. */
export function printError(error: unknown, { print, paint = noPaint, store }: PrintOptions): void {
  const program = paint('bad', 'layersmith:');
  if (!(error instanceof LayersmithError) || error.code === 'internal') {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    print(
      `${program} internal error: ${text}\n  This is a bug in layersmith. Please report it with the lines above.\n`,
    );
    return;
  }
  const lines = [`${program} ${error.message}`];
  const stages = [...new Set(error.stages)].filter((stage) => !error.message.includes(stage));
  if (stages.length > 0) lines.push(`  in stage: ${stages.join(' → ')}`);
  for (const [name, value] of Object.entries(error.details)) {
    if (typeof value === 'string') lines.push(`  ${name}: ${value}`);
    else lines.push(`  ${name}:`, ...value.map((line) => `    ${line}`));
  }
  if (error.hint !== undefined) lines.push(`  → ${withStore(error.hint, store)}`);
  print(`${lines.join('\n')}\n`);
}

/** Adds `--store` to `layersmith clean` in a hint when the command used another store than the default. */
function withStore(hint: string, store: string | undefined): string {
  if (store === undefined) return hint;
  return hint.replace(
    /`layersmith clean ([^`]*)`/g,
    (_all, flags: string) => `\`layersmith clean ${flags} --store ${store}\``,
  );
}
