import { join } from 'node:path';
import { LAYER_MODES } from '../../core/layer-mode.js';
import { BOOTSTRAP_CONSTANTS } from '../constants.js';
import type { Runtime } from '../runtime.js';
import { phpCompiler, PHP_PROGRAM } from './compiled-code.js';
import { phpSettings } from './php-settings.js';
import { phpCode, phpProgram } from './php-source.js';

/** The files of `runtimes/php/bootstrap` that each start compiles, and those that it compiles when it needs them. */
const PARTS = {
  start: ['handlers', 'start'],
  library: ['public-classes', 'errors', 'encode', 'streams', 'console'],
} as const;

/**
 * PHP 7.3 to 8.5, with one bootstrap that uses neither Composer nor curl nor other extensions. docs/functions.md describes its
 * behavior.
 */
export const phpRuntime: Runtime = {
  name: 'php',
  language: 'PHP',
  program: PHP_PROGRAM,
  modes: LAYER_MODES,
  async bootstrap(folder, mode) {
    const files = (names: readonly string[]): string[] =>
      names.map((name) => join(folder, 'php', 'bootstrap', `${name}.php`));
    const constants = { ...BOOTSTRAP_CONSTANTS, PHP_PROGRAM };
    const start = await phpProgram(files(PARTS.start), { constants, from: 'runtimes/php' });
    // The program serves web applications itself; for functions it runs the rest of this file.
    const flag = mode === 'function' ? '--lambda' : `--lambda=${mode}`;
    return `#!${PHP_PROGRAM} ${flag}\n${start}\n__halt_compiler();\n${await phpCode(files(PARTS.library), constants)}`;
  },
  settings: phpSettings,
  compiler: phpCompiler,
  vendor: {
    autoloader: 'autoload.php',
    loadCommand: (result) => [
      PHP_PROGRAM,
      '-r',
      `require "/opt/vendor/autoload.php"; mkdir(${JSON.stringify(result)});`,
    ],
  },
};
