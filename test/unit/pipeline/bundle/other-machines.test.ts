import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { MANIFEST_PATH } from '../../../../src/layer/manifest.js';
import { writeBundle } from '../../../../src/pipeline/bundle/write-bundle.js';
import type { Architecture } from '../../../../src/platform/platform.js';
import { phpRuntime } from '../../../../src/runtime/php/php-runtime.js';
import type { RunContext } from '../../../../src/sandbox/run-context.js';
import { program } from '../../../support/compiled.js';
import { manifestWith } from '../../../support/manifest.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const MACHINES = { x86_64: 62, arm64: 183 } as const;

/** A program for the architecture, as far as its header says. */
async function programFor(architecture: Architecture): Promise<Buffer> {
  const bytes = await program();
  bytes.writeUInt16LE(MACHINES[architecture], 18);
  return bytes;
}

/** Packs a function with a program for each architecture. Returns the warnings and the packed paths. */
async function packedFor(
  architecture: Architecture | undefined,
): Promise<{ readonly warnings: readonly string[]; readonly paths: readonly string[] }> {
  await using folder = await temporaryFolder();
  const manifest = manifestWith({ recipe: 'php/8.4', architecture: architecture ?? 'x86_64' });
  await folder.write({
    'layer/bootstrap': 'x',
    [`layer/${MANIFEST_PATH}`]: JSON.stringify(manifest),
    'app/hello.php': '<?php',
    'app/bin/arm': await programFor('arm64'),
    'app/bin/intel': await programFor('x86_64'),
  });
  const warnings: string[] = [];
  const context = {} as RunContext; // nothing is run
  const { path } = await writeBundle({
    kind: 'function',
    folder: join(folder.path, 'app'),
    output: join(folder.path, 'app.zip'),
    precompile: false,
    ...(architecture === undefined
      ? {}
      : {
          runtime: {
            path: join(folder.path, 'layer'),
            manifest,
            runtime: phpRuntime,
            abiProfiles: [],
            context,
          },
        }),
    tmpDir: folder.path,
    reporter: {
      info: () => undefined,
      warn: (line) => void warnings.push(line),
      activity: () => {
        throw new Error('nothing is run');
      },
      close: () => undefined,
    },
  });
  return { warnings, paths: Object.keys(unzipSync(await readFile(path))) };
}

test.each([
  ['x86_64', 'bin/arm is for arm64, not for x86_64'],
  ['arm64', 'bin/intel is for x86_64, not for arm64'],
] as const)('a function for a layer of %s: %s', async (architecture, said) => {
  const { warnings, paths } = await packedFor(architecture);
  expect(warnings).toEqual([`some files cannot be used on the layer of php/8.4: ${said}`]);
  expect(paths).toEqual(expect.arrayContaining(['bin/arm', 'bin/intel', 'hello.php']));
});

test('without a layer nothing is compared', async () => {
  expect((await packedFor(undefined)).warnings).toEqual([]);
});
