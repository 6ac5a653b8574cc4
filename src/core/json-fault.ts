/** A syntax error in a JSON text. */
export interface JsonFault {
  /** In UTF-16 units from the start; the length of the text if it ends too early. */
  readonly offset: number;
  /** Line and column are 1-based. */
  readonly line: number;
  readonly column: number;
  /** What JSON allows there: `a value`, `',' or '}'`. */
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
 * Returns the first place where a text violates JSON's grammar (RFC 8259), or undefined for valid JSON. The messages of
 * `JSON.parse` do not always name the place, and differ between versions of V8.
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

/**
 * Scans a text without recursion, and without patterns that repeat over a quoted text: both would need a stack as deep as
 * the input.
 */
class Scanner {
  at = 0;
  readonly #text: string;
  readonly #open: ('[' | '{')[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns what was expected at `at`, or undefined if the whole text is JSON. */
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

  /** Returns the next state, or undefined if the character is not allowed in this one. */
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

  /** Moves past a quoted text. Returns what was expected if it is not valid. */
  #passQuoted(): string | undefined {
    this.at += 1;
    for (;;) {
      const code = this.#text.charCodeAt(this.at);
      if (Number.isNaN(code)) return "a closing '\"'";
      if (code < FIRST_PRINTABLE) return 'an escaped control character';
      if (code === BACKSLASH) {
        if (!this.#match(ESCAPE)) return 'a valid JSON escape';
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

  /** Moves past a match of a sticky pattern, which may be empty. */
  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    const found = pattern.test(this.#text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }
}
