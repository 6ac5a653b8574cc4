import { luaBootstrap } from './lua-bootstrap.js';
import { phpBootstrap } from './php-bootstrap.js';

/** The interpreters that a bootstrap can be generated for. */
export const INTERPRETERS = ['php', 'lua'] as const;
export type Interpreter = (typeof INTERPRETERS)[number];

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
