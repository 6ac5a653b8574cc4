/** Where a text stops being JSON. */
export interface JsonFault {
  /** In UTF-16 units from the start; the text's length when it ends too early. */
  readonly offset: number;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  /** What would have been right there: `a value`, `',' or '}'`. */
  readonly expected: string;
}

type State =
  'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'more of a list' | 'more of an object' | 'end';

const EXPECTED: Readonly<Record<State, string>> = {
  value: 'a value',
  'value or ]': "a value or ']'",
  key: 'a name in double quotes',
  'key or }': "a name in double quotes or '}'",
  colon: "':'",
  'more of a list': "',' or ']'",
  'more of an object': "',' or '}'",
  end: 'the end',
};

const SPACE = /[ \t\r\n]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const SCALAR = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;

/**
 * The first place where a text breaks JSON's grammar (RFC 8259), or undefined where it is JSON. `JSON.parse` says
 * it in words that differ between versions of V8, and not always.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const scanner = new Scanner(text);
  const expected = scanner.scan();
  if (expected === undefined) return undefined;
  const before = text.slice(0, scanner.at).split('\n');
  return {
    offset: scanner.at,
    line: before.length,
    column: (before.at(-1)?.length ?? 0) + 1,
    expected,
  };
}

/** Without recursion, and without patterns that repeat over a text in quotes: both would need a stack as deep as the input. */
class Scanner {
  at = 0;
  readonly #text: string;
  readonly #open: ('[' | '{')[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** What was expected at `at`; undefined when all of it is JSON. */
  scan(): string | undefined {
    let state: State = 'value';
    for (;;) {
      this.#match(SPACE);
      const character = this.#text[this.at];
      if (state === 'end') return character === undefined ? undefined : EXPECTED.end;
      if (character === '"' && /^(value|key)/.test(state)) {
        const expected = this.#passQuoted();
        if (expected !== undefined) return expected;
        state = state.startsWith('key') ? 'colon' : this.#afterValue();
        continue;
      }
      const next = this.#step(state, character);
      if (next === undefined) return EXPECTED[state];
      state = next;
    }
  }

  /** Undefined when the character is wrong in that state. */
  #step(state: Exclude<State, 'end'>, character: string | undefined): State | undefined {
    switch (state) {
      case 'value or ]':
        if (character === ']') return this.#close();
        return this.#value(character);
      case 'value':
        return this.#value(character);
      case 'key or }':
        return character === '}' ? this.#close() : undefined;
      case 'key':
        return undefined;
      case 'colon':
        return character === ':' ? this.#take('value') : undefined;
      case 'more of a list':
        if (character === ']') return this.#close();
        return character === ',' ? this.#take('value') : undefined;
      case 'more of an object':
        if (character === '}') return this.#close();
        return character === ',' ? this.#take('key') : undefined;
    }
  }

  #value(character: string | undefined): State | undefined {
    if (character !== '[' && character !== '{') return this.#match(SCALAR) ? this.#afterValue() : undefined;
    this.#open.push(character);
    return this.#take(character === '[' ? 'value or ]' : 'key or }');
  }

  /** Moves past a text in quotes; says what was expected where it is wrong. */
  #passQuoted(): string | undefined {
    this.at += 1;
    for (;;) {
      const code = this.#text.charCodeAt(this.at);
      if (Number.isNaN(code)) return "'\"' after the text";
      if (code < FIRST_PRINTABLE) return 'an escape in place of a control character';
      if (code === BACKSLASH) {
        if (!this.#match(ESCAPE)) return 'an escape that JSON has';
        continue;
      }
      this.at += 1;
      if (this.#text[this.at - 1] === '"') return undefined;
    }
  }

  #close(): State {
    this.#open.pop();
    return this.#take(this.#afterValue());
  }

  #take(next: State): State {
    this.at += 1;
    return next;
  }

  #afterValue(): State {
    const inside = this.#open.at(-1);
    if (inside === undefined) return 'end';
    return inside === '[' ? 'more of a list' : 'more of an object';
  }

  /** The pattern is a sticky one; it may match nothing. */
  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    const found = pattern.test(this.#text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }
}
