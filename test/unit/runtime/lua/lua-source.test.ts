import { expect, test } from 'vitest';
import { luaConstants, withoutLuaComments } from '../../../../src/runtime/lua/lua-source.js';

test.each([
  ['a line', 'a()\n-- one\n  -- two\nb()\n', 'a()\nb()\n'],
  ['the end of a line', 'local a = "" -- one\n', 'local a = ""\n'],
  ['a long comment', 'a()\n--[[ one\n two ]]\n--[==[ three ]] ]==]\nb()\n', 'a()\nb()\n'],
  ['a comment between tokens', 'f(1, --[[ one ]] 2)\n', 'f(1, 2)\n'],
  ['a comment that holds quotes', `a() -- don't "\nb()\n`, 'a()\nb()\n'],
])('%s is removed', (_, source, expected) => {
  expect(withoutLuaComments(source)).toBe(expected);
});

test.each([
  'a = "-- no"',
  String.raw`a = '\'-- no'`,
  'a = [[\n-- no\n]]',
  'a = [=[ ]] -- no ]=]',
  'a = b - -c',
])('%j stays', (source) => {
  expect(withoutLuaComments(`${source}\n`)).toBe(`${source}\n`);
});

test('constants are locals', () => {
  expect(luaConstants({ A: 1, B: 'x"y' })).toBe('local A = 1\nlocal B = "x\\"y"\n');
});
