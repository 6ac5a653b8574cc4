import type { Platform } from '../../src/platform/platform.js';

/** A platform for tests that need one and do not care which; its images are nowhere. */
export const PLATFORM: Platform = {
  name: 'provided.al2023',
  architecture: 'x86_64',
  glibc: '2.34',
  endOfLife: '2029-06-30',
  toolchain: { base: 'a/b:1', release: '1' },
  runtime: 'a/c:1',
};
