import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { sha256OfFile } from '../../../../src/core/digest.js';
import { openEngineProxy } from '../../../support/engine-proxy.js';
import { tinyInterpreter, tinyLibrary } from '../../../support/tiny-recipe.js';
import {
  containersOf,
  expectError,
  expectTidy,
  layerFiles,
  openGate,
  runningContainer,
  waitAtGate,
  Workplace,
} from '../../../support/workplace.js';

// What becomes of a build whose person, machine or engine stops it, and of two builds at once.

const ZIP = 'tiny-1-provided.al2023-x86_64.zip';
/** A program that runs until it is killed. */
const ENDLESS = 'puts("on and on"); fflush(stdout); for (;;) sleep(600);';

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, exitCode) => {
  test('during a stage removes its container and ends the run', async () => {
    const recipes = {
      ...tinyInterpreter('tiny', { needs: ['slow'] }),
      ...tinyLibrary('slow', { script: waitAtGate() }),
    };
    await using workplace = await Workplace.make(recipes);
    const command = workplace.startBuild('tiny', ['--json', '--keep-container']);
    await runningContainer(command, 'slow/1');
    command.kill(signal);
    const ended = await command.ended;
    expect(expectError(ended, exitCode)).toContain(`stopped by ${signal}`);
    expect(ended.stderr).toContain(`stopped by ${signal}: removing containers`);
    expect(await workplace.output()).toEqual([]);
    await expectTidy(workplace, ended);
  });

  test('during the smoke tests removes their containers, and no layer is left', async () => {
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { main: ENDLESS }));
    const command = workplace.startBuild('tiny');
    await runningContainer(command);
    command.kill(signal);
    const ended = await command.ended;
    expect(expectError(ended, exitCode)).toContain(`stopped by ${signal}`);
    expect(await workplace.output()).toEqual([]);
    await expectTidy(workplace, ended);
  });
});

test('the next run removes the container of a killed run, and reuses its stages', async () => {
  const recipes = {
    ...tinyInterpreter('tiny', { needs: ['first'], script: waitAtGate() }),
    ...tinyLibrary('first'),
  };
  await using workplace = await Workplace.make(recipes);
  const killed = workplace.startBuild('tiny');
  await runningContainer(killed, 'tiny/1');
  killed.kill('SIGKILL');
  expect(await killed.ended).toMatchObject({ exitCode: undefined, stdout: '' });
  expect(killed.stderr()).toMatch(/^first\/1: done in /m);
  expect(await containersOf(killed.pid)).toHaveLength(1);

  const next = workplace.startBuild('tiny');
  await openGate(await runningContainer(next, 'tiny/1'));
  const ended = await next.ended;
  expect(ended).toMatchObject({ exitCode: 0 });
  expect(ended.stderr).toMatch(/^removed \d+ container\(s\) left by a killed run$/m);
  expect(ended.stderr).toContain('first/1: in the store\n');
  expect(ended.stderr).toMatch(/^tiny\/1: done in /m);
  expect(await containersOf(killed.pid)).toEqual([]);
  await expectTidy(workplace, ended);
});

test('an engine that is lost during a stage is an error, and a later run succeeds', async () => {
  const recipes = {
    ...tinyInterpreter('tiny', { needs: ['first'], script: waitAtGate() }),
    ...tinyLibrary('first'),
  };
  await using workplace = await Workplace.make(recipes);
  await using proxy = await openEngineProxy(join(workplace.dir, 'engine.sock'));
  const options = { env: { DOCKER_HOST: proxy.dockerHost } };
  const command = workplace.startBuild('tiny', [], options);
  await runningContainer(command, 'tiny/1');
  await command.says('tiny/1: started');
  await proxy.cut();
  const lost = await command.ended;
  const error = expectError(lost, 69);
  // Which of the connections tells first is a matter of luck.
  expect(error).toContain(`${proxy.dockerHost} is not available`);
  expect(error).toMatch(/: the connection was lost$|: the socket does not exist$/m);
  expect(error).toMatch(/^ {2}→ /m);
  expect(await workplace.output()).toEqual([]);
  expect(await containersOf(lost.pid)).toHaveLength(1);

  expectError(await workplace.build('tiny', [], options), 69);
  await proxy.mend();
  const next = workplace.startBuild('tiny', [], options);
  await openGate(await runningContainer(next, 'tiny/1'));
  const ended = await next.ended;
  expect(ended).toMatchObject({ exitCode: 0 });
  expect(ended.stderr).toContain('left by a killed run');
  expect(ended.stderr).toContain('first/1: in the store\n');
  expect(await containersOf(lost.pid)).toEqual([]);
  await expectTidy(workplace, ended);
});

test('an engine that is lost during the smoke tests is an error, and no layer is left', async () => {
  await using workplace = await Workplace.make(tinyInterpreter('tiny', { main: ENDLESS }));
  await using proxy = await openEngineProxy(join(workplace.dir, 'engine.sock'));
  const command = workplace.startBuild('tiny', [], { env: { DOCKER_HOST: proxy.dockerHost } });
  await runningContainer(command);
  await proxy.cut();
  const lost = await command.ended;
  expectError(lost, 69);
  expect(await workplace.output()).toEqual([]);
  expect((await containersOf(lost.pid)).length).toBeGreaterThan(0);
  // The next run of anything sweeps up.
  await workplace.write(tinyInterpreter('tiny'));
  expect(await workplace.build('tiny')).toMatchObject({ exitCode: 0 });
  expect(await containersOf(lost.pid)).toEqual([]);
});

test('two builds at once on one store both succeed, with the same layer', async () => {
  const recipes = {
    ...tinyInterpreter('tiny', { needs: ['first', 'second'], script: waitAtGate() }),
    ...tinyLibrary('first'),
    ...tinyLibrary('second'),
  };
  await using workplace = await Workplace.make(recipes);
  const commands = [workplace.startBuild('tiny'), workplace.startBuild('tiny')];
  // Neither ends before both are at it.
  const containers = await Promise.all(commands.map((command) => runningContainer(command, 'tiny/1')));
  await Promise.all(containers.map((container) => openGate(container)));
  const both = await Promise.all(commands.map(({ ended }) => ended));
  const path = join(workplace.out, ZIP);
  const digest = await sha256OfFile(path);
  for (const ended of both) {
    expect(ended).toMatchObject({ exitCode: 0, stdout: `${path}\n` });
    expect(ended.stderr).toContain(`sha256 ${digest}`);
    await expectTidy(workplace, ended);
  }
  expect(await workplace.output()).toEqual(layerFiles(ZIP.replace('.zip', '')));
});

describe('a broken file in the store', () => {
  async function flip(path: string): Promise<void> {
    const bytes = await readFile(path);
    const middle = Math.floor(bytes.length / 2);
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
    await writeFile(path, bytes);
  }

  test('is found, removed and created again: an artifact, a layer, a record, a source', async () => {
    const tar = promisify(execFile);
    await using workplace = await Workplace.make();
    const tarballs = join(workplace.dir, 'tarballs');
    await writeFile(join(workplace.dir, 'hello.h'), 'static const char hello[] = "tiny";\n');
    await tar('mkdir', [tarballs]);
    const tarball = join(tarballs, 'main.tar');
    await tar('tar', ['-cf', tarball, '-C', workplace.dir, './hello.h']);
    const digest = await sha256OfFile(tarball);
    await workplace.write({
      ...tinyInterpreter('tiny', {
        needs: ['first'],
        script: 'cp hello.h /build/hello.h',
        main: '\n#include "/build/hello.h"\nputs(hello);',
        sources: `{ main: [{ file: main.tar, sha256: '${digest}', urls: [] }] }`,
      }),
      ...tinyLibrary('first'),
    });
    const build = async (): Promise<string> => {
      const ended = await workplace.build('tiny', ['--sources', tarballs]);
      expect(ended).toMatchObject({ exitCode: 0 });
      await expectTidy(workplace, ended);
      return ended.stderr;
    };
    await build();
    const zip = await sha256OfFile(join(workplace.out, ZIP));

    await flip(join(await workplace.entry('layers', 'tiny/1'), 'content'));
    const layer = await build();
    expect(layer).toMatch(/^warning: removed the damaged store entry layers\/[0-9a-f]{12}: /m);
    expect(layer).toContain('tiny/1: in the store\n');
    expect(layer).toMatch(/^smoke tests: done in /m);

    await flip(join(await workplace.entry('artifacts', 'tiny/1'), 'content'));
    await flip(join(await workplace.entry('artifacts', 'first/1'), 'content'));
    await writeFile(join(await workplace.entry('layers', 'tiny/1'), 'record.json'), '{"name":');
    await flip(join(workplace.store, 'sources', digest));
    const all = await build();
    expect(all).toMatch(/^warning: removed the damaged store entry layers\//m);
    expect(all.match(/^warning: removed the damaged store entry artifacts\//gm)).toHaveLength(2);
    expect(all).toContain(`${digest} is damaged`);
    expect(all).toMatch(/^first\/1: done in /m);
    expect(all).toMatch(/^tiny\/1: done in /m);
    expect(await sha256OfFile(join(workplace.store, 'sources', digest))).toBe(digest);
    expect(await sha256OfFile(join(workplace.out, ZIP))).toBe(zip);
  });
});

test('an artifact that `clean` removes during a build is named by an error, and a later run compiles it again', async () => {
  const recipes = {
    ...tinyInterpreter('tiny', { needs: ['first', 'slow'] }),
    ...tinyLibrary('first'),
    ...tinyLibrary('slow', { script: waitAtGate() }),
  };
  await using workplace = await Workplace.make(recipes);
  const command = workplace.startBuild('tiny');
  const slow = await runningContainer(command, 'slow/1');
  await command.says('first/1: done');
  const clean = await workplace.run(['clean', '--max-size', '0', '--store', workplace.store]);
  expect(clean).toMatchObject({ exitCode: 0 });
  await openGate(slow);
  const ended = await command.ended;
  const error = expectError(ended, 74);
  expect(error).toContain(`was removed while it was in use: ${workplace.store}/artifacts/`);
  expect(error).toContain('layersmith clean');
  expect(ended.stderr).toMatch(/^tiny\/1: failed after /m);
  await expectTidy(workplace, ended);

  const next = workplace.startBuild('tiny');
  expect(await next.ended).toMatchObject({ exitCode: 0 });
  expect(next.stderr()).toMatch(/^first\/1: done in /m);
  expect(next.stderr()).toContain('slow/1: in the store\n');
});
