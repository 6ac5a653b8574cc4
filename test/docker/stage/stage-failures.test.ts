import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { tinyInterpreter, tinyLibrary } from '../../support/tiny-recipe.js';
import { containersOf, expectError, expectTidy, layerFiles, Workplace } from '../../support/workplace.js';

// What a build says and leaves when a stage, or what comes out of it, is not as it should be.

const NAME = 'tiny-1-provided.al2023-x86_64';

describe('a compile error', () => {
  test('names the command, its position, the last lines and the full log', async () => {
    const script = `seq 1 200 | sed 's/^/line /'
install -d "$DESTDIR/opt"
gcc -c no-such-file.c -o no-such-file.o`;
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { script }));
    const ended = await workplace.build('tiny', ['--json']);
    const error = expectError(ended, 72);
    expect(error).toMatch(/tiny\/1 did not compile: .*status 1$/m);
    expect(error).toContain('command: gcc -c no-such-file.c -o no-such-file.o (build.sh:3)\n');
    expect(error).toContain('    line 200\n');
    expect(error).toMatch(/^ {4}cc1: fatal error: no-such-file\.c: No such file or directory$/m);
    expect(error).not.toContain('line 100\n');
    const [, path = ''] = /^ {2}full log: (.*)$/m.exec(error) ?? [];
    const log = await readFile(path, 'utf8');
    for (const line of ['line 1\n', 'line 200\n', 'cc1: fatal error: no-such-file.c'])
      expect(log).toContain(line);
    expect(error).toMatch(/^ {2}→ .*--keep-container/m);
    expect(ended.stderr).toMatch(/^tiny\/1: failed after /m);
    expect(await workplace.output()).toEqual([]);
    await expectTidy(workplace, ended);
  });

  test('in a function and in a subshell is reported too', async () => {
    const script = `compile() { ( echo about to fail; false ); }
compile`;
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { script }));
    const error = expectError(await workplace.build('tiny'), 72);
    expect(error).toMatch(/^ {2}command: .*false.*\(build\.sh:1\)$/m);
    expect(error).toContain('    about to fail\n');
  });

  test('of an unset variable names the variable', async () => {
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { script: 'echo "$NOT_SET"' }));
    expect(expectError(await workplace.build('tiny'), 72)).toContain('NOT_SET: unbound variable');
  });

  test('with terminal codes and invalid UTF-8 is printed without them', async () => {
    const script = `printf '\\033[31mred\\033[0m \\377 \\033]0;title\\007end\\n'; false`;
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { script }));
    const error = expectError(await workplace.build('tiny'), 72);
    expect(error).toContain('    red \ufffd end\n');
  });
});

test('a stage that hangs is stopped at its time limit, and leaves no container', async () => {
  const script = 'echo before it hangs; sleep 1000';
  await using workplace = await Workplace.make(tinyInterpreter('tiny', { script }));
  const ended = await workplace.build('tiny', ['--stage-timeout', '3s']);
  const error = expectError(ended, 72);
  expect(error).toContain('tiny/1 did not compile: it did not end within 3 s\n');
  expect(error).toContain('    before it hangs\n');
  expect(error).toMatch(/→ .*--stage-timeout/);
  await expectTidy(workplace, ended);
});

test('a library with an assembler file that lacks the note stops the build before anything is linked with it', async () => {
  const script = `printf '.globl f\\nf: ret\\n' >entry.s
"$CC" -c entry.s
install -d "$DESTDIR/opt/lib"
"$AR" rcs "$DESTDIR/opt/lib/libf.a" entry.o`;
  await using workplace = await Workplace.make({
    ...tinyInterpreter('tiny', { needs: ['bad'] }),
    ...tinyLibrary('bad', { script }),
  });
  const ended = await workplace.build('tiny');
  const error = expectError(ended, 73);
  expect(error).toContain('bad/1 installed object files that make the stack of programs executable');
  expect(error).toContain('    lib/libf.a(entry.o)\n');
  expect(error).toContain('-Wa,--noexecstack');
  expect(ended.stderr).toMatch(/^bad\/1: failed after /m);
  expect(ended.stderr).not.toContain('tiny/1: ');
  await workplace.write({
    'bad/build.sh': `CFLAGS+=' -Wa,--noexecstack'\n${script.replace('-c', '$CFLAGS -c')}\necho free >LICENSE; licence LICENSE\n`,
  });
  expect(await workplace.build('tiny')).toMatchObject({ exitCode: 0 });
});

test('files that a build installs outside of /opt are left out, with a warning that names them', async () => {
  const script = 'mkdir -p "$DESTDIR/etc" "$DESTDIR/usr/bin"; echo x >"$DESTDIR/etc/passwd"';
  await using workplace = await Workplace.make(tinyInterpreter('tiny', { script }));
  const ended = await workplace.build('tiny');
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(ended.stderr).toMatch(/^warning: tiny\/1 .*outside of \/opt.*: \/etc\/passwd, \/usr\/bin$/m);
});

test('a stage that exceeds its memory limit is reported as such', async () => {
  const script = 'head -c 400M /dev/zero | tail -n 1 >/dev/null';
  await using workplace = await Workplace.make(tinyInterpreter('tiny', { script }));
  const ended = await workplace.build('tiny', ['--memory', '64']);
  const error = expectError(ended, 72);
  expect(error).toMatch(/tiny\/1 did not compile: .*\b64 MiB of memory$/m);
  expect(error).toMatch(/→ .*--memory/);
  await expectTidy(workplace, ended);
});

describe('a stage that leaves', () => {
  test.each([
    ['a link out of the tree', 'ln -s /etc/passwd "$DESTDIR/opt/passwd"', 'passwd', '"/etc/passwd"'],
    ['a link that climbs out', 'ln -s ../../etc "$DESTDIR/opt/up"', 'up', '"../../etc"'],
    ['a set-uid program', 'install -m 4755 /bin/true "$DESTDIR/opt/become"', 'become', 'set-uid'],
    ['a set-gid program', 'install -m 2755 /bin/true "$DESTDIR/opt/become"', 'become', 'set-gid'],
    ['a pipe', 'mkfifo "$DESTDIR/opt/pipe"', 'pipe', 'fifo'],
  ])('%s is refused, and nothing of it reaches the store', async (_what, script, path, why) => {
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { script }));
    const ended = await workplace.build('tiny');
    const error = expectError(ended, 73);
    expect(error).toMatch(new RegExp(`"(opt/)?${path}"`));
    expect(error).toContain(why);
    expect(error).toContain('tiny/1');
    await expect(workplace.entry('artifacts', 'tiny/1')).rejects.toThrow('no artifacts');
    expect(await workplace.output()).toEqual([]);
    await expectTidy(workplace, ended);
  });

  test('no output folder is an error of the stage, not of the engine', async () => {
    const files = tinyInterpreter('tiny');
    await using workplace = await Workplace.make({
      ...files,
      'tiny/build.sh': 'rm -rf "$DESTDIR"; exit 0\n',
    });
    const ended = await workplace.build('tiny');
    expect(expectError(ended, 73)).toContain('tiny/1');
    await expectTidy(workplace, ended);
  });

  test('out a file of its layer is refused', async () => {
    const files = tinyInterpreter('tiny');
    await using workplace = await Workplace.make({
      ...files,
      'tiny/build.sh': 'touch LICENSE; licence LICENSE\n',
    });
    const ended = await workplace.build('tiny');
    expect(expectError(ended, 73)).toContain('tiny/1 did not install bin/lua');
    expect(await workplace.output()).toEqual([]);
    await expectTidy(workplace, ended);
  });

  test('a build path in its program is refused', async () => {
    const main = 'puts("tiny /build/work/tiny");';
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { main }));
    const ended = await workplace.build('tiny');
    expect(expectError(ended, 73)).toContain('bin/lua: contains the build path /build/work [build-path]');
    expect(await workplace.output()).toEqual([]);
    await expectTidy(workplace, ended);
  });
});

test('a layer whose smoke tests fail is not written to the output folder, and an older one stays', async () => {
  await using workplace = await Workplace.make(tinyInterpreter('tiny'));
  expect(await workplace.build('tiny')).toMatchObject({ exitCode: 0 });
  const files = layerFiles(NAME);
  expect(await workplace.output()).toEqual(files);
  const before = await Promise.all(files.map((file) => readFile(join(workplace.out, file))));

  await workplace.write(tinyInterpreter('tiny', { main: 'puts("another"); fputs("why\\n", stderr);' }));
  const ended = await workplace.build('tiny');
  const error = expectError(ended, 78);
  expect(error).toContain('1 of 1 smoke tests failed');
  expect(error).toContain('it runs: `/opt/bin/lua` did not print "tiny": another | why');
  expect(await workplace.output()).toEqual(files);
  const after = await Promise.all(files.map((file) => readFile(join(workplace.out, file))));
  expect(after).toEqual(before);
  await expectTidy(workplace, ended);

  // What failed is not taken for tested the next time, and its stage is not compiled again.
  const again = await workplace.build('tiny');
  expectError(again, 78);
  expect(again.stderr).toContain('tiny/1: in the store\n');
});

test('an output folder that is a file is refused after the build, and the layer is kept in the store', async () => {
  await using workplace = await Workplace.make(tinyInterpreter('tiny'));
  await writeFile(workplace.out, 'a file');
  const ended = await workplace.build('tiny');
  expect(expectError(ended, 74)).toContain(workplace.out);
  expect(await readFile(workplace.out, 'utf8')).toBe('a file');
  await expectTidy(workplace, ended);
  const elsewhere = await workplace.build('tiny', ['--output', join(workplace.dir, 'other')]);
  expect(elsewhere.stderr).toContain('in the store, built and tested before');
});

test('--keep-container keeps the container of a failed stage until `clean --containers`', async () => {
  const script = 'echo look >found; false';
  await using workplace = await Workplace.make(tinyInterpreter('tiny', { script }));
  const ended = await workplace.build('tiny', ['--keep-container']);
  expectError(ended, 72);
  const kept = await containersOf(ended.pid);
  expect(kept.map(({ labels }) => labels['io.layersmith.stage'])).toEqual(['tiny/1']);
  expect(ended.stderr).toContain(`${kept[0]?.id.slice(0, 12) ?? 'no container'} of tiny/1`);

  // A later build sweeps up what killed runs left, but not this.
  await workplace.write(tinyInterpreter('tiny'));
  expect(await workplace.build('tiny', ['--keep-container'])).toMatchObject({ exitCode: 0 });
  expect(await containersOf(ended.pid)).toHaveLength(1);

  const dry = await workplace.run(['clean', '--containers', '--dry-run', '--json']);
  expect(dry.exitCode).toBe(0);
  expect((JSON.parse(dry.stdout) as { containers: unknown[] }).containers).toContain(kept[0]?.id);
  expect(await containersOf(ended.pid)).toHaveLength(1);
  const clean = await workplace.run(['clean', '--containers']);
  expect(clean).toMatchObject({ exitCode: 0 });
  expect(clean.stdout).toMatch(/^removed [1-9]\d* container\(s\), 0 image\(s\), 0 store entries/);
  expect(await containersOf(ended.pid)).toEqual([]);
});

describe('a smoke test', () => {
  test('of a program that is not in the layer fails, because it cannot be started', async () => {
    const files = tinyInterpreter('tiny');
    const packageYaml = (files['tiny/package.yaml'] ?? '').replace('/opt/bin/lua', '/opt/bin/nothing');
    await using workplace = await Workplace.make({ ...files, 'tiny/package.yaml': packageYaml });
    const error = expectError(await workplace.build('tiny'), 78);
    expect(error).toContain('it runs: `/opt/bin/nothing` could not be started: ');
    expect(await workplace.output()).toEqual([]);
  });

  test('of a program that hangs is stopped after a minute, and fails', async () => {
    await using workplace = await Workplace.make(tinyInterpreter('tiny', { main: 'pause();' }));
    const ended = await workplace.build('tiny');
    expect(expectError(ended, 78)).toContain('it runs: `/opt/bin/lua` did not end within 60 s');
    await expectTidy(workplace, ended);
  });
});

test('a library is refused before anything is fetched, started or compiled', async () => {
  await using workplace = await Workplace.make(tinyLibrary('small'));
  const ended = await workplace.build('small');
  expect(expectError(ended, 64)).toContain('small/1 is a library');
  expect(ended.stderr).not.toContain('toolchain:');
});

test('a layer that replaces the zip of another recipe is reported', async () => {
  const files = tinyInterpreter('tiny');
  await using workplace = await Workplace.make({ ...files, 'tiny/1x.yaml': files['tiny/1.yaml'] ?? '' });
  expect((await workplace.build('tiny/1')).exitCode).toBe(0);
  const ended = await workplace.build('tiny/1x');
  expect(ended.exitCode).toBe(0);
  expect(ended.stderr).toMatch(/^warning: .*\.zip .*\btiny\/1 .*replaced$/m);
});
