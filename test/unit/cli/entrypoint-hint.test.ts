import { expect, test } from 'vitest';
import { entrypointHint } from '../../../src/cli/entrypoint-hint.js';

const error = (errorType: string, why: string) => ({
  errorType,
  errorMessage: `RequestId: 1 Error: fork/exec /opt/bootstrap: ${why}`,
  stackTrace: [],
});

test('a bootstrap that cannot be started for want of its interpreter gets a hint', () => {
  expect(entrypointHint(error('Runtime.InvalidEntrypoint', 'no such file or directory'))).toContain(
    '/bin/sh',
  );
});

test.each([
  ['one without the right to run', error('Runtime.InvalidEntrypoint', 'permission denied')],
  ['another error', error('Function.X', 'no such file or directory')],
  ['no error', undefined],
])('%s does not', (_what, other) => {
  expect(entrypointHint(other)).toBeUndefined();
});
