import { expect, test } from 'vitest';
import { findJsonFault } from '../../../src/core/json-fault.js';

test.each([
  ['{"name": World}', 1, 10, 'a value'],
  ['{"a":1,}', 1, 8, 'a name in double quotes'],
  ["{'a':1}", 1, 2, "a name in double quotes or '}'"],
  ['{"a" 1}', 1, 6, "':'"],
  ['{"a":1 "b":2}', 1, 8, "',' or '}'"],
  ['[1 2]', 1, 4, "',' or ']'"],
  ['[,]', 1, 2, "a value or ']'"],
  ['[1,]', 1, 4, 'a value'],
  ['{"a":[1}', 1, 8, "',' or ']'"],
  ['{} {}', 1, 4, 'the end'],
  ['', 1, 1, 'a value'],
  ['{\n  "a": 01\n}', 2, 8, 'a value'],
  ['"ab', 1, 4, "a closing '\"'"],
  ['"a\tb"', 1, 3, 'an escaped control character'],
  ['"a\\x"', 1, 3, 'a valid JSON escape'],
  ['[1.]', 1, 2, "a value or ']'"],
  ['nul', 1, 1, 'a value'],
  ['\ufeff{}', 1, 1, 'a value'],
])('%j is wrong at %i:%i, where %s was expected', (text, line, column, expected) => {
  expect(findJsonFault(text)).toMatchObject({ line, column, expected });
});

test('it finds a fault exactly where JSON.parse refuses a text', () => {
  const seeds = ['{"a":[1,-2.5e+3,true,null],"b":{"c":"\\u00e9\\n"}}', ' [ "x" , { } , [ ] ] ', '-0.1'];
  const characters = '{}[]",:\\ \n0123456789.eE+-truefalsn\u0001';
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 48271) % 0x7fffffff;
    return seed % below;
  };
  const counted = { valid: 0, invalid: 0 };
  for (let round = 0; round < 20_000; round++) {
    const text = seeds[round % seeds.length] ?? '';
    const at = random(text.length + 1);
    const changed =
      text.slice(0, at) + (characters[random(characters.length)] ?? '') + text.slice(at + random(3));
    let isJson = true;
    try {
      JSON.parse(changed);
    } catch {
      isJson = false;
    }
    expect([changed, findJsonFault(changed) === undefined]).toEqual([changed, isJson]);
    counted[isJson ? 'valid' : 'invalid'] += 1;
  }
  expect(counted.valid).toBeGreaterThan(100);
  expect(counted.invalid).toBeGreaterThan(100);
});

test('deep and large texts need no deep stack', () => {
  expect(findJsonFault('['.repeat(1_000_000))).toMatchObject({ offset: 1_000_000 });
  expect(findJsonFault(`"${'x'.repeat(6_000_000)}`)).toMatchObject({ offset: 6_000_001 });
});
