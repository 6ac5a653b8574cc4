import { describe, expect, test } from 'vitest';
import { inMemory } from '../../../src/elf/random-access.js';
import { readElf } from '../../../src/elf/read-elf.js';
import { relayProgram } from '../../../src/lambda/relay-program.js';
import { ARCHITECTURES } from '../../../src/platform/platform.js';

/** e_machine. */
const MACHINES = { x86_64: 62, arm64: 183 } as const;

describe.each(ARCHITECTURES)('the relay for %s', (architecture) => {
  test('is a static program for that architecture', async () => {
    const program = await relayProgram({ architecture });
    expect(await readElf(inMemory(program))).toMatchObject({
      machine: MACHINES[architecture],
      program: true,
      dynamic: false,
      interpreter: undefined,
      executableStack: false,
    });
  });

  test('is small and holds no path of the machine that built it', async () => {
    const program = Buffer.from(await relayProgram({ architecture }));
    expect(program.length).toBeLessThan(64 * 1024);
    expect(program.toString('latin1')).not.toMatch(/\/(home|root|tmp|work|Users)\/|relay\.c|ziglang/);
  });
});
