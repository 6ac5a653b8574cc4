import { expect, test } from 'vitest';
import { satisfiesConstraint } from '../../../src/definition/composer-constraint.js';

// The answers are those of composer/semver 3.4.
test.each([
  ['^8.1', '8.4.24', true],
  ['^8.1', '8.0.30', false],
  ['^8.1', '9.0.0', false],
  ['^8', '8.4.24', true],
  ['~8.1', '8.4.24', true],
  ['~8.1', '9.0.0', false],
  ['~8.1.0', '8.1.33', true],
  ['~8.1.0', '8.2.0', false],
  ['~8', '8.4.24', true],
  ['~8', '9.0.0', false],
  ['>=7.4', '8.4.24', true],
  ['>= 7.4', '8.4.24', true],
  ['>8.2', '8.2.32', true],
  ['>8.2', '8.2.0', false],
  ['<=8.2', '8.2.32', false],
  ['<=8.2', '8.2.0', true],
  ['>=7.4 <8.3', '8.2.32', true],
  ['>=7.4, <8.3', '8.4.24', false],
  ['>=7.4,<8.3', '8.2.32', true],
  ['8.2.*', '8.2.32', true],
  ['8.2.*', '8.4.24', false],
  ['8.*', '8.4.24', true],
  ['*', '7.3.0', true],
  ['8.2', '8.2.32', false],
  ['8.2.32', '8.2.32', true],
  ['v8.2.32', '8.2.32', true],
  ['=8.2.32', '8.2.32', true],
  ['==8.2.32', '8.2.32', true],
  ['8.2.32.0', '8.2.32', true],
  ['!=8.2.32', '8.2.32', false],
  ['>=8.0 !=8.2.32', '8.2.31', true],
  ['<>8.2.32', '8.2.31', true],
  ['^8.1 || dev-main', '8.4.24', true],
  ['8.0 - 8.2', '8.2.32', true],
  ['8.0 - 8.2', '8.3.0', false],
  ['8.0 - 8.2.5', '8.2.32', false],
  ['^7.4 || ^8.0', '8.4.24', true],
  ['^7.4|^8.0', '7.4.33', true],
  ['^7.4 || ^8.0', '7.3.33', false],
  ['~7.4.3 || ~8.1.0', '8.4.24', false],
  ['^8.1@dev', '8.4.24', true],
  ['>=8.1-dev', '8.4.24', true],
  ['>=8.1.0-RC1', '8.1.0', true],
])('%s and %s: %s', (constraint, version, expected) => {
  expect(satisfiesConstraint(version, constraint)).toBe(expected);
});

test.each(['', 'dev-main', 'eight', '^7.4 || dev-main', '>=', 'self.version'])(
  'not a constraint on versions: %j',
  (constraint) => {
    expect(satisfiesConstraint('8.4.24', constraint)).toBeUndefined();
  },
);
