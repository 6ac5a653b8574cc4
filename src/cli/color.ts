import { styleText } from 'node:util';

/** The meaning of a colored text: failure, warning or success. */
export type Tone = 'bad' | 'warning' | 'good';

const COLORS = { bad: 'red', warning: 'yellow', good: 'green' } as const;

/** Colors a text, or returns it unchanged. */
export type Paint = (tone: Tone, text: string) => string;

/** Returns every text unchanged: for files, pipes and CI. */
export const noPaint: Paint = (_tone, text) => text;

/** Returns colors for a terminal, unless NO_COLOR is set (https://no-color.org). */
export function paintFor(options: {
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Paint {
  const { isTerminal, env } = options;
  if (!isTerminal || (env['NO_COLOR'] ?? '') !== '') return noPaint;
  return (tone, text) => styleText(COLORS[tone], text, { validateStream: false });
}
