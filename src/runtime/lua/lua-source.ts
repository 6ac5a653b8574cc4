import type { Constants } from '../constants.js';
import { removeComments } from '../remove-comments.js';

/** Matches comments and strings, whichever starts first. Long brackets can have any level. */
const COMMENT_OR_STRING =
  /--\[(=*)\[[\s\S]*?\]\1\]|--[^\n]*|\[(=*)\[[\s\S]*?\]\2\]|"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'/g;

/** Removes the comments of Lua source. */
export function withoutLuaComments(source: string): string {
  const comments = [...source.matchAll(COMMENT_OR_STRING)].filter(([text]) => text.startsWith('--'));
  return removeComments(
    source,
    comments.map(({ 0: text, index }) => ({ start: index, end: index + text.length })),
  );
}

/** Returns one `local` statement for each constant. */
export function luaConstants(constants: Constants): string {
  return Object.entries(constants)
    .map(([name, value]) => `local ${name} = ${JSON.stringify(value)}\n`)
    .join('');
}
