import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { sha256OfFile } from '../../../../src/core/digest.js';
import { tinyInterpreter, tinyLibrary } from '../../../support/tiny-recipe.js';
import { Workplace } from '../../../support/workplace.js';

// What decides whether a stage is compiled again, and what a key does not depend on.

const NAME = 'tiny-1-provided.al2023-x86_64';
const INSTALL = 'install -d "$DESTDIR/opt/share"; echo one >"$DESTDIR/opt/share/of-the-library"';

test('a comment in a build script compiles that stage again, and nothing above it', async () => {
  const library = (script: string): Record<string, string> => tinyLibrary('need', { script });
  await using workplace = await Workplace.make({
    ...tinyInterpreter('tiny', { needs: ['middle'] }),
    ...tinyLibrary('middle', { needs: ['need'] }),
    ...library(INSTALL),
  });
  const zip = join(workplace.out, `${NAME}.zip`);
  expect(await workplace.build('tiny')).toMatchObject({ exitCode: 0 });
  const before = await sha256OfFile(zip);

  await workplace.write(library(`# A comment.\n${INSTALL}`));
  const commented = await workplace.build('tiny');
  expect(commented).toMatchObject({ exitCode: 0 });
  expect(commented.stderr).toMatch(/^need\/1: done in /m);
  expect(commented.stderr).not.toMatch(/^(middle|tiny)\/1: (started|done)/m);
  expect(commented.stderr).toContain('in the store, built and tested before');
  expect(await sha256OfFile(zip)).toBe(before);

  // Now by the new input keys: nothing is looked at twice.
  const again = await workplace.build('tiny');
  expect(again.stderr).not.toMatch(/^need\/1: (started|done)/m);

  await workplace.write(library(INSTALL.replace('one', 'two')));
  const changed = await workplace.build('tiny');
  expect(changed).toMatchObject({ exitCode: 0 });
  for (const stage of ['need', 'middle', 'tiny'])
    expect(changed.stderr).toMatch(new RegExp(`^${stage}/1: done in `, 'm'));
});

test('machines that have different alternatives of a source plan the same keys and make the same zip', async () => {
  await using first = await Workplace.make(tinyInterpreter('tiny'));
  await using second = await Workplace.make(tinyInterpreter('tiny'));
  // The same tree, packed in two ways.
  await mkdir(join(first.dir, 'tree'));
  await writeFile(join(first.dir, 'tree', 'file'), 'content');
  const pack = async (flag: string, place: Workplace, file: string): Promise<string> => {
    await mkdir(join(place.dir, 'sources'));
    const path = join(place.dir, 'sources', file);
    await promisify(execFile)('tar', [flag, path, '-C', first.dir, 'tree']);
    return sha256OfFile(path);
  };
  const plain = await pack('-cf', first, 'main-1.tar');
  const packed = await pack('-czf', second, 'main_1.orig.tar.gz');
  const line = `version: '1'
sources:
  main:
    - { file: main-1.tar, sha256: '${plain}', urls: [] }
    - { file: main_1.orig.tar.gz, sha256: '${packed}', urls: [] }
`;
  const outcome = async (place: Workplace): Promise<{ plan: string; zip: string; used: string }> => {
    await place.write({ 'tiny/1.yaml': line });
    const args = ['tiny', '--recipes', place.recipes, '--store', place.store, '--toolchain', 'debian'];
    const before = await place.run(['plan', ...args, '--json']);
    const ended = await place.build('tiny', ['--sources', join(place.dir, 'sources'), '--offline']);
    expect(ended).toMatchObject({ exitCode: 0 });
    const after = await place.run(['plan', ...args, '--json']);
    expect(after.stdout).toBe(before.stdout);
    const provenance = await readFile(join(place.out, `${NAME}.provenance.json`), 'utf8');
    const used = /tiny\/1: (main[^"]*)"/.exec(provenance)?.[1] ?? '';
    return { plan: after.stdout, zip: await sha256OfFile(join(place.out, `${NAME}.zip`)), used };
  };
  const [one, other] = [await outcome(first), await outcome(second)];
  expect(one.used).toBe('main-1.tar');
  expect(other).toEqual({ ...one, used: 'main_1.orig.tar.gz' });
});
