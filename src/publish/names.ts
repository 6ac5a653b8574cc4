import { UsageError } from '../core/errors.js';

/** Checks the name of a layer: letters, digits, `-` and `_`, at most 140. Throws UsageError. */
export function checkLayerName(name: string): void {
  checkName(name, { what: 'layer', maxLength: 140 });
}

/** Checks the name of a function: letters, digits, `-` and `_`, at most 64. Throws UsageError. */
export function checkFunctionName(name: string): void {
  checkName(name, { what: 'function', maxLength: 64 });
}

function checkName(
  name: string,
  { what, maxLength }: { readonly what: string; readonly maxLength: number },
): void {
  if (/^[\w-]+$/.test(name) && name.length <= maxLength) return;
  throw new UsageError(`'${name}' is not a valid ${what} name`, {
    hint: `Use letters, digits, - and _, at most ${maxLength} of them.`,
  });
}
