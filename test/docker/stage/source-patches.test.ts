import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256OfFile } from '../../../src/core/digest.js';
import { tinyInterpreter } from '../../support/tiny-recipe.js';
import { expectError, expectTidy, Workplace } from '../../support/workplace.js';

// A recipe with patches in the tree of another source.

/** A patch of a file of three lines: it replaces the second. */
const patchOf = (before: string, after: string): string =>
  `--- a/words.txt\n+++ b/words.txt\n@@ -1,3 +1,3 @@\n one\n-${before}\n+${after}\n three\n`;

const PATCHES = {
  'patches/first.patch': patchOf('two', 'second'),
  'patches/more/second.patch': patchOf('second', 'patched'),
  'patches/foreign.patch': patchOf('zwei', 'drei'),
  'patches/again.patch': patchOf('two', 'second'),
};

/** A workplace whose recipe has these patches, and prints words.txt of its first source. */
async function workplaceWith(patches: string): Promise<Workplace> {
  const workplace = await Workplace.make(tinyInterpreter('tiny', { script: 'cat words.txt' }));
  const pack = async (name: string, files: Readonly<Record<string, string>>): Promise<string> => {
    for (const [path, text] of Object.entries(files)) {
      const file = join(workplace.dir, name, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    const archive = join(workplace.dir, 'sources', `${name}.tar`);
    await mkdir(dirname(archive), { recursive: true });
    execFileSync('tar', ['-cf', archive, '-C', workplace.dir, name]);
    return `  ${name}: [{ file: ${name}.tar, sha256: '${await sha256OfFile(archive)}', urls: [] }]\n`;
  };
  const sources = [await pack('words', { 'words.txt': 'one\ntwo\nthree\n' }), await pack('debian', PATCHES)];
  await workplace.write({
    'tiny/1.yaml': `version: '1'\nsources:\n${sources.join('')}patches: { debian: { ${patches} } }\n`,
  });
  return workplace;
}

test('patches from the tree of another source are applied in order, and the manifest and the SBOM name them', async () => {
  await using workplace = await workplaceWith(
    'patches/first.patch: [CVE-2026-1], patches/more/second.patch: []',
  );
  const ended = await workplace.build('tiny', ['--sources', join(workplace.dir, 'sources')]);
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(await workplace.log('tiny/1')).toContain('one\npatched\nthree\n');
  const read = async (ending: string): Promise<unknown> =>
    JSON.parse(
      await readFile(join(workplace.out, `tiny-1-provided.al2023-x86_64${ending}`), 'utf8'),
    ) as unknown;
  expect(await read('.manifest.json')).toMatchObject({
    stages: [
      {
        sources: [{ name: 'words' }, { name: 'debian', file: 'debian.tar' }],
        sourcePatches: [
          { source: 'debian', path: 'patches/first.patch', resolves: ['CVE-2026-1'] },
          { source: 'debian', path: 'patches/more/second.patch', resolves: [] },
        ],
      },
    ],
  });
  expect(JSON.stringify(await read('.cdx.json'))).toContain(
    '"resolves":[{"type":"security","id":"CVE-2026-1"}]',
  );
});

test.each([
  [
    'a name that the source does not have',
    'patches/first.patch: [], patches/secnd.patch: []',
    'the source debian has no file patches/secnd.patch, which `patches` of tiny 1 names',
  ],
  [
    'a patch that does not apply',
    'patches/first.patch: [], patches/foreign.patch: []',
    'patches/foreign.patch of the source debian does not apply to tiny 1',
  ],
  [
    'a patch that is applied already',
    'patches/first.patch: [], patches/again.patch: []',
    'patches/again.patch of the source debian does not apply to tiny 1',
  ],
])('%s fails the build, and says which', async (_what, patches, message) => {
  await using workplace = await workplaceWith(patches);
  const ended = await workplace.build('tiny', ['--sources', join(workplace.dir, 'sources')]);
  const error = expectError(ended, 72);
  expect(error).toContain(message);
  expect(error).toMatch(/^ {2}command: false \(build\.sh:\d+\)$/m);
  expect(await workplace.output()).toEqual([]);
  await expectTidy(workplace, ended);
});
