import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runContextOf } from '../../../src/pipeline/build/build-context.js';
import { ARCHITECTURES, type Architecture } from '../../../src/platform/platform.js';
import { runLayerProgram } from '../../../src/sandbox/layer-program.js';
import { openContent } from '../../../src/tree/tree-entry.js';
import { readZip } from '../../../src/tree/zip-reader.js';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { testContext } from '../../support/local-function.js';

// A program on a layer that runs programs of the image with a shell, as Composer does, for both architectures on one machine.

const SCRIPT = `
  local inside = assert(io.popen('uname -s')):read('a')
  assert(os.execute('mkdir /tmp/work/result && ls /opt/bin > /tmp/work/result/bin'))
  assert(io.open('/tmp/work/result/system', 'w')):write(inside):close()
  assert(not io.open('/usr/written', 'w'), 'the root is writable')
`;

let layers: Readonly<Record<Architecture, BuiltLayer>>;

beforeAll(async () => {
  layers = { x86_64: await builtLayer('lua/5.4', 'x86_64'), arm64: await builtLayer('lua/5.4', 'arm64') };
}, 600_000);

afterAll(async () => {
  for (const architecture of ARCHITECTURES) await layers[architecture][Symbol.asyncDispose]();
});

test.each(ARCHITECTURES)('a program on a layer for %s starts a shell', async (architecture) => {
  const context = runContextOf(await testContext(architecture));
  await using layer = await readZip(layers[architecture].zip, { tmpDir: context.store.tmpDir });
  await using result = await runLayerProgram(
    {
      what: 'the script',
      trees: { '/opt': layer.entries },
      command: ['/opt/bin/lua', '-e', SCRIPT],
      env: { PATH: '/usr/bin:/bin' },
      work: { path: '/tmp/work', tree: [] },
      result: '/tmp/work/result',
      hasNetwork: false,
      needsShell: true,
      hint: 'See above.',
    },
    { context, onLine: () => undefined },
  );
  const content = async (path: string): Promise<string> => {
    const entry = result.entries.find((one) => one.path === path);
    return entry?.type === 'file' ? await text(openContent(entry)) : `${path} is not there`;
  };
  expect(await content('system')).toBe('Linux\n');
  expect(await content('bin')).toContain('lua');
});
