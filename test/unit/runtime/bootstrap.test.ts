import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InternalError } from '../../../src/core/errors.js';
import type { LayerMode } from '../../../src/core/layer-mode.js';
import { BOOTSTRAP_CONSTANTS } from '../../../src/runtime/constants.js';
import { compilerProgram } from '../../../src/runtime/php/compiled-code.js';
import { phpRuntime } from '../../../src/runtime/php/php-runtime.js';
import { RUNTIMES } from '../../../src/runtime/runtimes.js';
import { failure } from '../../support/failure.js';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const FOLDER = join(PACKAGE_ROOT, 'runtimes');

/** What a source file defines at its top level, in PHP or Lua. */
const DEFINITION = /^(?:final class|class|function|local function) [\w.]+/gm;

describe.each(RUNTIMES)('the bootstrap for $language', (runtime) => {
  test('begins with the interpreter of the layer and says where it comes from', async () => {
    const lines = (await runtime.bootstrap(FOLDER, 'function')).split('\n').slice(0, 6);
    expect(lines[0]?.split(' ')[0]).toBe(`#!${runtime.program}`);
    expect(lines.join('\n')).toContain(`runtimes/${runtime.name}`);
  });

  test('has what each source file defines', async () => {
    const text = await runtime.bootstrap(FOLDER, 'function');
    const folder = join(FOLDER, runtime.name, 'bootstrap');
    const files = await readdir(folder);
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) {
      const definitions = (await readFile(join(folder, file), 'utf8')).match(DEFINITION) ?? [];
      if (file !== 'head.lua') expect(definitions.length, file).toBeGreaterThan(0);
      for (const definition of definitions)
        expect(text.match(new RegExp(`^${definition}\\b`, 'gm')), definition).toHaveLength(1);
    }
  });

  test('defines each constant that it uses, once, before its first use', async () => {
    const text = await runtime.bootstrap(FOLDER, 'function');
    for (const [name, value] of Object.entries(BOOTSTRAP_CONSTANTS)) {
      const [before = '', line, ...more] = text.split(new RegExp(`^(?:const|local) ${name} = (.*?);?$`, 'm'));
      if (line === undefined) {
        expect(before).not.toMatch(new RegExp(`\\b${name}\\b`));
        continue;
      }
      expect(line.replaceAll('"', "'")).toBe(typeof value === 'number' ? String(value) : `'${value}'`);
      expect(more).toHaveLength(1);
      expect(more[0]).toMatch(new RegExp(`\\b${name}\\b`));
      // Functions that are defined before use it when they are called.
      if (runtime.name === 'lua') expect(before).not.toMatch(new RegExp(`\\b${name}\\b`));
    }
  });

  test('has no comments but its header, no empty lines in a row, and no space at the ends of lines', async () => {
    const text = await runtime.bootstrap(FOLDER, 'function');
    const comments = text.split('\n').filter((line) => /^\s*(?:\/\/|\/\*|\*|--|#)/.test(line));
    expect(comments).toHaveLength(2);
    expect(text).not.toMatch(/\n\n\n|[ \t]\n|\r/);
    expect(text.endsWith('\n')).toBe(true);
  });

  test('needs its source files', async () => {
    await using folder = await temporaryFolder();
    const error = await failure(runtime.bootstrap(folder.path, 'function'), InternalError);
    expect(error.message).toContain(join(folder.path, runtime.name, 'bootstrap'));
  });
});

test('the bootstrap of PHP names the mode of its layer', async () => {
  const first = async (mode: LayerMode): Promise<string | undefined> =>
    (await phpRuntime.bootstrap(FOLDER, mode)).split('\n')[0];
  expect(await first('function')).toBe('#!/opt/bin/php --lambda');
  expect(await first('web')).toBe('#!/opt/bin/php --lambda=web');
});

test('every shared constant is used by one bootstrap at least', async () => {
  const texts = (await Promise.all(RUNTIMES.map((runtime) => runtime.bootstrap(FOLDER, 'function')))).join(
    '\n',
  );
  for (const name of Object.keys(BOOTSTRAP_CONSTANTS))
    expect(texts.match(new RegExp(`\\b${name}\\b`, 'g'))?.length, name).toBeGreaterThan(1);
});

test.each([
  ['the bootstrap', () => phpRuntime.bootstrap(FOLDER, 'function')],
  ['the compiler', () => compilerProgram(FOLDER)],
])('every function and constant in PHP of %s is PHP’s own or defined in it', async (_, program) => {
  const text = (await program()).replaceAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, "''");
  const source = await readFile(join(PACKAGE_ROOT, 'recipes', 'php-lambda', 'src', 'function.c'), 'utf8');
  const native = new Set([...source.matchAll(/ZEND_NS_FE\("[^"]*", (\w+),/g)].map(([, name = '']) => name));
  expect(native).toContain('serve');
  // PHP's own functions are written with a backslash.
  const called = [...text.matchAll(/(?<![\\\w$>:]|function |new )([a-z_]\w*)\(/g)].map(
    ([, name = '']) => name,
  );
  const language = new Set(['declare', 'exit', 'isset', 'eval', '__halt_compiler']);
  const functions = called.filter((name) => !language.has(name) && !native.has(name));
  expect(functions.length).toBeGreaterThan(5);
  for (const name of functions) expect(text).toMatch(new RegExp(`^function ${name}\\(`, 'm'));
  const used = [...text.matchAll(/(?<![\\\w$>:])([A-Z][A-Z0-9]*_?[A-Z0-9_]*)\b(?![\w(\\])/g)].map(
    ([, name = '']) => name,
  );
  const own = used.filter(
    (name) =>
      !/^(?:JSON|E|PHP|STREAM|SIG)_|^STDERR$|^__COMPILER_HALT_OFFSET__$/.test(name) || name === 'PHP_PROGRAM',
  );
  expect(own.length).toBeGreaterThan(5);
  for (const name of own) expect(text).toMatch(new RegExp(`^const ${name} = `, 'm'));
});
