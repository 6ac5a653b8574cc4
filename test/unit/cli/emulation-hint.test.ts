import { expect, test } from 'vitest';
import { emulationHint } from '../../../src/cli/emulation-hint.js';
import type { Architecture } from '../../../src/platform/platform.js';
import { PLATFORM } from '../../support/platform.js';

const hint = (errorType: string | undefined, architecture: Architecture): string | undefined =>
  emulationHint(errorType === undefined ? undefined : { errorType }, {
    machine: 'x86_64',
    platform: { ...PLATFORM, architecture },
  });

test.each([
  ['Sandbox.Timedout', '--timeout'],
  ['Runtime.OutOfMemory', '--memory'],
])('an emulated function that ends with %s gets a hint; others do not', (errorType, flag) => {
  expect(hint(errorType, 'arm64')).toContain(`raise ${flag}`);
  expect(hint(errorType, 'x86_64')).toBeUndefined();
});

test.each(['Function.Exit', undefined])('an emulated function that ends with %s gets none', (errorType) => {
  expect(hint(errorType, 'arm64')).toBeUndefined();
});
