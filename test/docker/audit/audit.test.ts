import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtLayer, type BuiltLayer } from '../../support/built-layer.js';
import { tinyInterpreter } from '../../support/tiny-recipe.js';
import { expectError, expectTidy, Workplace } from '../../support/workplace.js';

// What a build would put under production is audited before it becomes a zip.

const RECIPES = ['php/8.4', 'php/7.4', 'lua/5.4'] as const;

let workplace: Workplace;
const layers = new Map<string, BuiltLayer>();

function zipOf(recipe: string): string {
  return layers.get(recipe)?.zip ?? '';
}

beforeAll(async () => {
  workplace = await Workplace.make({
    ...tinyInterpreter('fine'),
    ...tinyInterpreter('fixed', { script: 'gcc() { command gcc -no-pie -Wl,-z,norelro "$@"; }' }),
  });
  for (const recipe of RECIPES) layers.set(recipe, await builtLayer(recipe));
});

afterAll(async () => {
  for (const layer of layers.values()) await layer[Symbol.asyncDispose]();
  await workplace[Symbol.asyncDispose]();
});

test('a layer that the audit refuses is not written, and the error has every finding', async () => {
  const ended = await workplace.build('fixed');
  const error = expectError(ended, 73);
  expect(error).toMatch(/fixed\/1 for provided\.al2023 x86_64: 2 findings$/m);
  expect(error).toContain('bin/lua: is a program at a fixed address [no-pie]');
  expect(error).toContain('bin/lua: is a program without RELRO [no-relro]');
  expect(error).toContain('→ Link it with -Wl,-z,relro,-z,now.');
  expect(await workplace.output()).toEqual([]);
  await expectTidy(workplace, ended);
});

test('the manifest of a layer that passes has the audit, also when the layer comes from the store', async () => {
  for (const reused of [false, true]) {
    const ended = await workplace.build('fine', ['--json']);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ reused });
    expect(
      JSON.parse(await readFile(join(workplace.out, 'fine-1-provided.al2023-x86_64.manifest.json'), 'utf8')),
    ).toMatchObject({
      audit: { platform: 'provided.al2023', oldestPlatform: 'provided.al2023' },
    });
  }
});

describe.each(RECIPES)('the layer of %s', (recipe) => {
  test('passes as a zip, with the oldest platform in the report', async () => {
    const ended = await workplace.run(['audit', zipOf(recipe), '--json']);
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(ended.stdout)).toMatchObject({
      platform: 'provided.al2023',
      architecture: 'x86_64',
      findings: [],
      oldestPlatform: 'provided.al2023',
    });
  });

  test('does not pass for an older platform, whose glibc lacks a version that it needs', async () => {
    const ended = await workplace.run(['audit', zipOf(recipe), '--platform', 'provided.al2']);
    expect(ended.exitCode).toBe(73);
    expect(ended.stdout).toMatch(
      /^error {4}bin\/(php|lua): needs GLIBC_2\.\d+ of .* \(for \w+.*\bat most 2\.26 \[symbol-version\]$/m,
    );
    expect(ended.stdout).toMatch(/oldest platform.*: provided\.al2023$/m);
  });
});

test('diff lists the changes between two PHP layers by package, file and symbol', async () => {
  const ended = await workplace.run(['diff', zipOf('php/7.4'), zipOf('php/8.4')]);
  expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
  expect(ended.stdout).toMatch(/^ {2}~ openssl 1\.1\.1w → 3\.5\.7$/m);
  expect(ended.stdout).toMatch(/^ {2}~ php 7\.4\.33 → 8\.4\.24$/m);
  expect(ended.stdout).toMatch(/^ {2}~ bin\/php {2}[\d.]+ MB → [\d.]+ MB \(\+[\d.]+ MB\) /m);
  expect(ended.stdout).toMatch(/^symbols\n {2}bin\/php\n/m);
});

test('advisories reads the packages of a PHP layer from the zip', async () => {
  const affected = (lessThan: string): object => ({
    dataType: 'CVE_RECORD',
    cveMetadata: { cveId: `CVE-2099-${lessThan}`, state: 'PUBLISHED' },
    containers: {
      cna: {
        title: `Before ${lessThan}`,
        affected: [
          {
            vendor: 'PHP Group',
            product: 'PHP',
            versions: [{ version: '7.4.0', lessThan, status: 'affected' }],
          },
        ],
      },
    },
  });
  const from = join(workplace.dir, 'advisories');
  await mkdir(from);
  for (const version of ['7.4.33', '7.4.34'])
    await writeFile(join(from, `${version}.json`), JSON.stringify(affected(version)));
  const ended = await workplace.run(['advisories', zipOf('php/7.4'), '--from', from]);
  expect(ended).toMatchObject({ exitCode: 79, stderr: '' });
  expect(ended.stdout).toContain('applies    CVE-2099-7.4.34  php 7.4.33  fixed in 7.4.34');
  expect(ended.stdout).toContain('2 advisories read: 1 apply, 0 cannot be decided');
});
