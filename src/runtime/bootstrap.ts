import type { Interpreter } from '../recipe/recipe.js';
import { luaBootstrap } from './lua-bootstrap.js';
import { phpBootstrap } from './php-bootstrap.js';

/**
 * The text of `/opt/bootstrap`, an executable file that speaks the Lambda Runtime API and calls handlers in
 * the interpreter's language. The same text for the same interpreter, always.
 */
export function bootstrapFor(interpreter: Interpreter): string {
  switch (interpreter) {
    case 'php':
      return phpBootstrap();
    case 'lua':
      return luaBootstrap();
  }
}
