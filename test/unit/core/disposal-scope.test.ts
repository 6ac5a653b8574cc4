import { expect, test } from 'vitest';
import { openScope } from '../../../src/core/disposal-scope.js';

test('what a scope owns is disposed of in reverse order, once', async () => {
  const disposed: string[] = [];
  const thing = (name: string): AsyncDisposable & { readonly name: string } => ({
    name,
    [Symbol.asyncDispose]: () => {
      disposed.push(name);
      return Promise.resolve();
    },
  });
  const scope = openScope();
  expect(scope.own(thing('first')).name).toBe('first');
  scope.own(thing('second'));
  await scope[Symbol.asyncDispose]();
  await scope[Symbol.asyncDispose]();
  expect(disposed).toEqual(['second', 'first']);
});

test('one that fails does not keep the others from disposal, and the first error is thrown', async () => {
  const disposed: string[] = [];
  const failing = (name: string): AsyncDisposable => ({
    [Symbol.asyncDispose]: () => {
      disposed.push(name);
      return Promise.reject(new Error(name));
    },
  });
  const scope = openScope();
  scope.own(failing('first'));
  scope.own(failing('second'));
  await expect(scope[Symbol.asyncDispose]()).rejects.toThrow('second');
  expect(disposed).toEqual(['second', 'first']);
});
