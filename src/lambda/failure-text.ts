import { LayersmithError } from '../core/errors.js';

/** Returns an error's message for a client, with the hint that says what to do. */
export function failureText(error: unknown): string {
  if (!(error instanceof LayersmithError)) return String(error);
  return error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
}
