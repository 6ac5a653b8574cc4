import type { Constants } from '../constants.js';
import { removeComments } from '../remove-comments.js';

/** Comments and strings, whichever begins first; long brackets of any level. */
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

/** One `local` a constant. */
export function luaConstants(constants: Constants): string {
  return Object.entries(constants)
    .map(([name, value]) => `local ${name} = ${JSON.stringify(value)}\n`)
    .join('');
}
