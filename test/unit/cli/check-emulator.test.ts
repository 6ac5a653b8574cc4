import { expect, test } from 'vitest';
import { checkEmulator } from '../../../src/cli/check-emulator.js';
import type { Finding } from '../../../src/cli/finding.js';
import type { ImageInfo } from '../../../src/engine/container-engine.js';
import type { Architecture } from '../../../src/platform/platform.js';
import { DIGEST_LABEL } from '../../../src/toolchain/toolchain.js';
import { endingEngine, type Ending } from '../../support/ending-engine.js';
import { fakeIo } from '../../support/fake-io.js';
import { PLATFORM } from '../../support/platform.js';

const RUNTIME: ImageInfo = {
  ...{ id: 'sha256:runtime', repoDigests: [], tags: [], sizeBytes: 0, createdAt: new Date(0) },
  labels: { [DIGEST_LABEL]: 'sha256:1' },
};
const RUNS: Ending = { stderr: 'missing program name\n', exitCode: 1 };
const FAILS: Ending = { stderr: 'exec /lib/ld: exec format error\n', exitCode: 1 };

/** Checks an engine on x86_64 of another machine; returns the findings and the images of its containers. */
async function check(
  architecture: Architecture,
  ending: Ending,
  images: readonly ImageInfo[],
): Promise<{ readonly findings: readonly Finding[]; readonly ran: readonly string[] }> {
  const { engine, specs } = endingEngine(ending, { images, endpoint: 'tcp://build:2375' });
  const info = { name: 'Docker', version: '1', architecture: 'x86_64', cpus: 1, memoryBytes: 1 };
  const findings = await checkEmulator(
    { engine, info },
    { io: fakeIo('/nowhere'), platform: { ...PLATFORM, architecture } },
  );
  return { findings, ran: specs.map(({ image }) => image) };
}

test('an engine that has the runtime image is asked to start it, wherever it is', async () => {
  const runs = await check('arm64', RUNS, [RUNTIME]);
  expect(runs).toMatchObject({ findings: [{ name: 'emulator', state: 'ok' }], ran: ['sha256:runtime'] });
  const fails = await check('arm64', FAILS, [RUNTIME]);
  expect(fails.findings).toMatchObject([
    {
      state: 'warning',
      message: expect.stringContaining('tcp://build:2375 runs on x86_64 and cannot run') as string,
      remedy: expect.stringContaining('`layersmith doctor --fix --arch arm64`') as string,
    },
  ]);
});

test('an engine on another machine without the image is not judged by the kernel of this one', async () => {
  const { findings, ran } = await check('arm64', RUNS, []);
  expect(findings).toMatchObject([
    { state: 'warning', message: expect.stringContaining('cannot see from here') as string },
  ]);
  expect(ran).toEqual([]);
});

test("nothing is checked for the machine's own architecture", async () => {
  expect(await check('x86_64', FAILS, [RUNTIME])).toEqual({ findings: [], ran: [] });
});
