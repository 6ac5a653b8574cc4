import { join } from 'node:path';
import { LAYER_MODES } from '../../core/layer-mode.js';
import { BOOTSTRAP_CONSTANTS } from '../constants.js';
import type { Runtime } from '../runtime.js';
import { COMPILED_CONSTANTS, phpCompiler, PHP_PROGRAM } from './compiled-code.js';
import { phpSettings } from './php-settings.js';
import { phpProgram } from './php-source.js';

/** The files of `runtimes/php/bootstrap` in the order of the bootstrap. */
const PARTS = [
  'public-classes',
  'runtime-api',
  'errors',
  'encode',
  'state',
  'opcode-cache',
  'handlers',
  'console',
  'loop',
] as const;

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
    const program = await phpProgram(
      PARTS.map((part) => join(folder, 'php', 'bootstrap', `${part}.php`)),
      { constants: { ...BOOTSTRAP_CONSTANTS, ...COMPILED_CONSTANTS, PHP_PROGRAM }, from: 'runtimes/php' },
    );
    // The program serves web applications itself; for functions it runs the rest of this file.
    const flag = mode === 'function' ? '--lambda' : `--lambda=${mode}`;
    return `#!${PHP_PROGRAM} ${flag}\n${program}`;
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
