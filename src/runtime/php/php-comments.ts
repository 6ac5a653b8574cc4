import { InternalError } from '../../core/errors.js';
import { removeComments, type Range } from '../remove-comments.js';

/** What a comment, or a text that may look like one, begins with. `#[` is an attribute. */
const NEXT =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|#(?!\[)[^\n]*|'(?:[^'\\]|\\[\s\S])*'|<<<[ \t]*(["']?)(\w+)\1\n|["`{}]|\?>/g;

/**
 * Removes the comments of PHP source that begins with `<?php`. Throws InternalError for a string without an end and for `?>`, which
 * the source files do not have.
 */
export function withoutPhpComments(source: string): string {
  const comments: Range[] = [];

  /** Reads code from there to the `}` of an expression in a string, or to the end; returns the place behind it. */
  const readCode = (start: number, isExpression: boolean): number => {
    let at = start;
    for (let depth = 1; ;) {
      NEXT.lastIndex = at;
      const match = NEXT.exec(source);
      if (match === null) return source.length;
      const [text] = match;
      at = match.index + text.length;
      if (text === '?>') throw new InternalError(`a PHP source file has ?> at ${match.index}`);
      if (text === '{') depth++;
      else if (text === '}' && --depth === 0 && isExpression) return at;
      else if (text === '"' || text === '`') at = readString(at, text);
      else if (text.startsWith('<<<')) at = behindHeredoc(at, match[2] ?? '');
      else if (/^(?:\/[/*]|#)/.test(text)) comments.push({ start: match.index, end: at });
    }
  };

  /** Reads a string with variables; returns the place behind its end. */
  const readString = (start: number, quote: string): number => {
    for (let at = start; at < source.length;) {
      if (source[at] === quote) return at + 1;
      if (source.startsWith('{$', at)) at = readCode(at + 1, true);
      else at += source[at] === '\\' ? 2 : 1;
    }
    throw new InternalError(`a PHP source file has a string without an end at ${start}`);
  };

  const behindHeredoc = (start: number, label: string): number => {
    const end = new RegExp(`^[ \\t]*${label}\\b`, 'gm');
    end.lastIndex = start;
    if (!end.test(source))
      throw new InternalError(`a PHP source file has a heredoc without an end at ${start}`);
    return end.lastIndex;
  };

  readCode(0, false);
  return removeComments(source, comments);
}
