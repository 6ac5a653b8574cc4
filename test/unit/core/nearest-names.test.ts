import { expect, test } from 'vitest';
import { didYouMean } from '../../../src/core/nearest-names.js';

const KNOWN = ['php/7.4', 'php/8.2', 'php/8.4', 'lua/5.4', 'openssl/3.5', 'openssl/1.1.1'];

test.each([
  ['php/8.3', ' Did you mean php/8.2 or php/8.4 or php/7.4?'],
  ['PHP/8.4', ' Did you mean php/8.4 or php/7.4 or php/8.2?'],
  ['opnessl/3.5', ' Did you mean openssl/3.5?'],
  ['openssl', ' Did you mean openssl/3.5 or openssl/1.1.1?'],
  ['something', ''],
  ['', ''],
])('for %j it offers the three nearest names at the most:%s', (name, offered) => {
  expect(didYouMean(name, KNOWN)).toBe(offered);
});
