import { InternalError } from '../../core/errors.js';
import { removeComments, type Range } from '../remove-comments.js';

/** Matches the start of a comment, or of a text that may look like one. `#[` starts an attribute. */
const NEXT =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|#(?!\[)[^\n]*|'(?:[^'\\]|\\[\s\S])*'|<<<[ \t]*(["']?)(\w+)\1\n|["`{}]|\?>/g;

/**
 * Removes the comments of PHP source that starts with `<?php`. Throws InternalError for an unterminated string and for `?>`,
 * which must not occur in the source files.
 */
export function withoutPhpComments(source: string): string {
  const comments: Range[] = [];

  /** Reads code to the `}` of an expression in a string, or to the end. Returns the position after it. */
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

  /** Reads a string with variables. Returns the position after its end. */
  const readString = (start: number, quote: string): number => {
    for (let at = start; at < source.length;) {
      if (source[at] === quote) return at + 1;
      if (source.startsWith('{$', at)) at = readCode(at + 1, true);
      else at += source[at] === '\\' ? 2 : 1;
    }
    throw new InternalError(`a PHP source file has an unterminated string at ${start}`);
  };

  const behindHeredoc = (start: number, label: string): number => {
    const end = new RegExp(`^[ \\t]*${label}\\b`, 'gm');
    end.lastIndex = start;
    if (!end.test(source))
      throw new InternalError(`a PHP source file has an unterminated heredoc at ${start}`);
    return end.lastIndex;
  };

  readCode(0, false);
  return removeComments(source, comments);
}
