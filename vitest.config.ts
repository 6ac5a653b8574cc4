import { defineConfig } from 'vitest/config';

/** The first test that asks for a built layer compiles PHP; the store keeps it for the others. */
const COMPILING_PHP = 45 * 60_000;

/** Tests that need no engine, and tests on a real one: those share two cores, so their files run one by one. */
export default defineConfig({
  test: {
    // `npm run test-fast` leaves those out.
    tags: [
      {
        name: 'system',
        description:
          'Needs root (mounts a small disk, changes its user), or apt and a mirror of Debian, or downloads with pip.',
      },
    ],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,contract}/**/*.test.ts'],
          testTimeout: 60_000,
          // Loading the product anew for each file would take longer than the tests. It keeps no state in its modules, and
          // tests put back what they change of the process.
          isolate: false,
        },
      },
      {
        test: {
          name: 'docker',
          include: ['test/docker/**/*.test.ts'],
          globalSetup: ['test/support/start-engine.ts'],
          fileParallelism: false,
          // After the unit tests: they would share the cores, and what is timed out there.
          sequence: { groupOrder: 1 },
          testTimeout: 300_000,
          hookTimeout: COMPILING_PHP,
        },
      },
      {
        test: {
          // Judged by AWS's own emulator.
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          globalSetup: ['test/support/start-engine.ts'],
          fileParallelism: false,
          // Each case waits for two containers more than it works.
          maxConcurrency: 2,
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
          hookTimeout: COMPILING_PHP,
        },
      },
    ],
  },
});
