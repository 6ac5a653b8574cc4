import { describe, expect, test } from 'vitest';
import { bootstrapFor } from '../../../src/runtime/bootstrap.js';
import { INTERPRETERS } from '../../../src/recipe/recipe.js';

describe.each(INTERPRETERS)('the bootstrap for %s', (interpreter) => {
  const text = bootstrapFor(interpreter);

  test('is run by the interpreter of the layer', () => {
    expect(text.split('\n')[0]).toBe(`#!/opt/bin/${interpreter}`);
  });

  test('is the same each time, in UTF-8 with plain newlines', () => {
    expect(bootstrapFor(interpreter)).toBe(text);
    expect(text).not.toMatch(/\r\n|\t +|[ \t]\n/);
    expect(text.endsWith('\n')).toBe(true);
  });

  test('has nothing left of the template that it came from', () => {
    expect(text).not.toMatch(/undefined|\[object|\$\{/);
  });

  test('speaks every part of the Runtime API', () => {
    for (const part of ['/2018-06-01/runtime/', 'invocation/next', '/response', '/error', 'init/error']) {
      expect(text).toContain(part);
    }
  });
});
