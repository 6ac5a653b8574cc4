import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { fileEntry, type TreeEntry } from '../../../../src/tree/tree-entry.js';
import { MANIFEST_PATH, type Manifest } from '../../../../src/layer/manifest.js';
import { readZip } from '../../../../src/tree/zip-reader.js';
import { writeZip } from '../../../../src/tree/zip-writer.js';
import type { Ended } from '../../../support/cli.js';
import { luaSources } from '../../../support/lua-sources.js';
import { tinyInterpreter, tinyLibrary } from '../../../support/tiny-recipe.js';
import {
  expectError,
  expectTidy,
  openGate,
  runningContainer,
  waitAtGate,
  Workplace,
} from '../../../support/workplace.js';

// The proof that the bytes are the same each time, and that what would change them is found.

const NAME = 'lua-5.4.7-provided.al2023-x86_64';

let workplace: Workplace;
let sources: string;

beforeAll(async () => {
  sources = await luaSources();
  workplace = await Workplace.make();
  const built = await workplace.build('lua', ['--sources', sources]);
  if (built.exitCode !== 0) throw new Error(built.stderr);
});

afterAll(async () => {
  await workplace[Symbol.asyncDispose]();
});

/** `layersmith verify` in a workplace, with the embedded toolchain. */
function verify(place: Workplace, targets: readonly string[], more: readonly string[] = []): Promise<Ended> {
  const places = ['--store', place.store, '--recipes', place.recipes, '--sources', sources];
  return place.run(['verify', ...targets, ...places, '--toolchain', 'debian', ...more]);
}

/** The zip of `lua/5.4` with other entries, under another name. */
async function changedLayer(
  name: string,
  change: (entry: TreeEntry) => Promise<TreeEntry | undefined> | TreeEntry | undefined,
): Promise<string> {
  const zip = join(workplace.dir, `${name}.zip`);
  await using tree = await readZip(join(workplace.out, `${NAME}.zip`), { tmpDir: workplace.dir });
  const changed: TreeEntry[] = [];
  for (const entry of tree.entries) {
    const other = await change(entry);
    if (other !== undefined) changed.push(other);
  }
  await writeZip(zip, changed);
  return zip;
}

/** The same layer with another manifest inside. */
function withManifest(name: string, change: (manifest: Manifest) => object): Promise<string> {
  return changedLayer(name, async (entry) => {
    if (entry.path !== MANIFEST_PATH || entry.type !== 'file' || !('file' in entry.content)) return entry;
    const { file, start } = entry.content;
    const text = (await readFile(file)).subarray(start, start + entry.sizeBytes).toString();
    return fileEntry(MANIFEST_PATH, JSON.stringify(change(JSON.parse(text) as Manifest)));
  });
}

describe('a recipe', () => {
  test('that is edited between the two builds is named by an error', async () => {
    await using place = await Workplace.make(tinyLibrary('edited', { script: waitAtGate() }));
    const places = ['--store', place.store, '--recipes', place.recipes, '--toolchain', 'debian'];
    const command = place.start(['verify', 'edited/1', ...places]);
    const first = await runningContainer(command, 'edited/1');
    await place.write({ 'edited/build.sh': 'echo free >LICENSE; licence LICENSE # now without a gate\n' });
    await openGate(first);
    const error = expectError(await command.ended, 65);
    expect(error).toContain(join(place.recipes, 'edited/1.yaml:1:1: its build files were edited'));
  });

  test('that is reproducible has the same artifact and the same layer from both builds', async () => {
    await using place = await Workplace.make();
    const ended = await verify(place, ['lua/5.4']);
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(ended.stdout).toMatch(
      /^same {5}lua\/5\.4 {15}sha256 [0-9a-f]{64}\nsame {5}the layer of lua\/5\.4 {2}sha256 [0-9a-f]{64}\nthe same bytes: 2 of 2\n$/,
    );
    expect(ended.stderr).toMatch(/^lua\/5\.4 \(first\): done in /m);
    expect(ended.stderr).toMatch(/^lua\/5\.4 \(again\): done in /m);
    await expectTidy(place, ended);
  });

  test('that depends on the date, the kernel, the host, the processors, the user or the file order is detected', async () => {
    const LOOKS = {
      date: 'date +%s',
      year: 'date +%Y',
      kernel: 'uname -r',
      host: 'hostname',
      node: 'uname -n',
      processors: 'nproc',
      user: 'id -u',
      order: 'touch c a d b && ls -U',
    };
    const script = Object.entries(LOOKS)
      .map(
        ([name, command]) =>
          `mkdir ${name}; install -d "$DESTDIR/opt/lib"; (cd ${name} && ${command}) >"$DESTDIR/opt/lib/${name}"`,
      )
      .join('\n');
    await using place = await Workplace.make(tinyLibrary('nosy', { script }));
    const ended = await verify(place, ['nosy/1']);
    expect(ended.exitCode).toBe(76);
    for (const name of Object.keys(LOOKS))
      expect(ended.stdout).toMatch(new RegExp(`^ +lib/${name}: .+$`, 'm'));
    expect(ended.stdout).toMatch(/^not reproducible: 1 of 1$/m);
    expect(ended.stdout).not.toContain('share/licenses');
    await expectTidy(place, ended);
  });

  test('whose program contains the time is reported with the section, for its artifact and its layer', async () => {
    const script = 'CFLAGS_TIME=$(date +%s)';
    const main = 'puts("tiny built at WHEN");';
    const files = tinyInterpreter('tiny', { script, main });
    const build = files['tiny/build.sh'] ?? '';
    files['tiny/build.sh'] = build
      .replace("<<'END_OF_PROGRAM'", '<<END_OF_PROGRAM')
      .replace('WHEN', '$CFLAGS_TIME');
    await using place = await Workplace.make(files);
    const ended = await verify(place, ['tiny/1'], ['--json']);
    expect(ended.exitCode).toBe(76);
    const result = JSON.parse(ended.stdout) as {
      readonly same: boolean;
      readonly results: readonly {
        readonly name: string;
        readonly differences: readonly { readonly path: string; readonly detail: string }[];
      }[];
    };
    expect(result.same).toBe(false);
    expect(result.results.map(({ name }) => name)).toEqual(['tiny/1', 'the layer of tiny/1']);
    for (const { differences } of result.results) {
      expect(differences.map(({ path }) => path)).toContain('bin/lua');
      expect(differences.find(({ path }) => path === 'bin/lua')?.detail).toContain('.rodata');
    }
  });

  test('that does not compile under the changed conditions is the error of that stage', async () => {
    const script = '[ "$(uname -n)" = layersmith ]';
    await using place = await Workplace.make(tinyLibrary('shy', { script }));
    const ended = await verify(place, ['shy/1']);
    expect(expectError(ended, 72)).toContain('shy/1 did not compile');
    expect(ended.stderr).toMatch(/^shy\/1 \(first\): done in /m);
    expect(ended.stderr).toMatch(/^shy\/1 \(again\): failed after /m);
    await expectTidy(place, ended);
  });
});

describe('a layer zip', () => {
  test('is built again from the manifest inside it, and has the same bytes', async () => {
    const ended = await verify(workplace, [join(workplace.out, `${NAME}.zip`)]);
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(ended.stdout).toMatch(
      /^same {5}the layer of lua\/5\.4 {2}sha256 [0-9a-f]{64}\nthe same bytes: 1 of 1\n$/,
    );
    expect(ended.stderr).toMatch(/^lua\/5\.4 \(again\): done in /m);
    await expectTidy(workplace, ended);
  });

  test('of an older release, whose manifest has another form, has the same files', async () => {
    const zip = await withManifest('older', (manifest) => {
      const stages = manifest.stages.map(({ artifact: _artifact, ...stage }) => ({
        ...stage,
        key: '0'.repeat(64),
      }));
      return { ...manifest, schemaVersion: 1, layersmith: '0.1.0', stages };
    });
    const ended = await verify(workplace, [zip]);
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(ended.stdout).toMatch(/^same {5}the files of the layer of lua\/5\.4, without its manifest /m);
  });

  test('that was changed is reported with the entry that differs', async () => {
    const zip = await changedLayer('changed', (entry) =>
      entry.path === 'bootstrap' ? fileEntry('bootstrap', '#!/opt/bin/lua\nos.exit(1)\n', 0o755) : entry,
    );
    const ended = await verify(workplace, [zip]);
    expect(ended.exitCode).toBe(76);
    expect(ended.stdout).toMatch(
      /^differs {2}the layer of lua\/5\.4 {2}sha256 [0-9a-f]{64} and [0-9a-f]{64}$/m,
    );
    expect(ended.stdout).toMatch(/^ +bootstrap: .+$/m);
    expect(ended.stdout).toMatch(/^not reproducible: 1 of 1$/m);
  });

  test('that was packed differently is reported as having the same files', async () => {
    const zip = join(workplace.dir, 'packed.zip');
    const bytes = await readFile(join(workplace.out, `${NAME}.zip`));
    // A comment, which the end of a zip may have (APPNOTE 4.3.16).
    bytes.writeUInt16LE(4, bytes.length - 2);
    await writeFile(zip, Buffer.concat([bytes, Buffer.from('mine')]));
    const ended = await verify(workplace, [zip]);
    expect(ended.exitCode).toBe(76);
    expect(ended.stdout).toContain('packed differently');
  });

  test('of another toolchain is refused before anything is compiled, with the packages that differ', async () => {
    const zip = await withManifest('other-toolchain', (manifest) => ({
      ...manifest,
      toolchain: {
        ...manifest.toolchain,
        digest: `sha256:${'0'.repeat(64)}`,
        packages: manifest.toolchain.packages.map((each) =>
          each.name === 'gcc-12' ? { ...each, version: '12.2.0-13' } : each,
        ),
      },
    }));
    const ended = await verify(workplace, [zip]);
    const error = expectError(ended, 76);
    expect(error).toContain('toolchain here differs');
    expect(error).toMatch(/gcc-12 12\.2\.0-13 → 12\.2\.0-14/);
    expect(ended.stderr).not.toContain('done in');
  });

  test('of another version of its recipe is refused with both versions', async () => {
    const zip = await withManifest('other-version', (manifest) => ({
      ...manifest,
      stages: manifest.stages.map((stage) => ({
        ...stage,
        version: '5.4.6',
      })),
    }));
    expect(expectError(await verify(workplace, [zip]), 76)).toContain(
      'lua/5.4: version 5.4.6 then, 5.4.7 here',
    );
  });

  test('without a manifest cannot be built again', async () => {
    const zip = await changedLayer('foreign', (entry) => (entry.path === MANIFEST_PATH ? undefined : entry));
    expect(expectError(await verify(workplace, [zip]), 64)).toContain('contains no manifest');
  });

  test('that does not exist is an error', async () => {
    const ended = await verify(workplace, [join(workplace.out, 'gone.zip')]);
    expect(expectError(ended, 64)).toContain('does not exist');
  });

  test('cannot be combined with other targets', async () => {
    const ended = await verify(workplace, ['lua/5.4', join(workplace.out, `${NAME}.zip`)]);
    expect(expectError(ended, 64)).toContain('a layer zip cannot be verified together with other targets');
  });
});
