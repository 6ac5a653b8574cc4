/** A range of a text, from its first character to the position after its last. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Removes comments from a program. A comment on lines of its own is removed with those lines, and with one of two empty lines
 * that would become adjacent. At the end of a line, the space before it is removed. Between tokens, one space is left.
 */
export function removeComments(source: string, comments: readonly Range[]): string {
  let result = '';
  let from = 0;
  for (const { start, end } of comments) {
    result += source.slice(from, start);
    from = end;
    const indent = /(?:^|\n)([ \t]*)$/.exec(result)?.[1];
    const rest = /^[ \t]*(?:\n|$)/.exec(source.slice(end));
    if (rest === null) {
      if (indent === undefined) result = `${result.trimEnd()} `;
      from += /^[ \t]*/.exec(source.slice(end))?.[0].length ?? 0;
    } else if (indent === undefined) {
      result = result.replace(/[ \t]+$/, '');
    } else {
      result = result.slice(0, result.length - indent.length);
      from += rest[0].length;
      if (/(?:^|\n)\n$/.test(result) && source[from] === '\n') from++;
    }
  }
  return result + source.slice(from);
}
