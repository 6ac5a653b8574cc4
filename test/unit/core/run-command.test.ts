import { setTimeout as sleep } from 'node:timers/promises';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand } from '../../../src/core/run-command.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const never = (): AbortSignal => new AbortController().signal;
const sh = (script: string, signal = never()): ReturnType<typeof runCommand> =>
  runCommand(['/bin/sh', '-c', script], { env: {}, signal });

test('a program gives its status and what it printed', async () => {
  expect(await sh('echo out; echo err >&2; exit 3')).toEqual({
    ok: false,
    status: 3,
    reason: '/bin/sh ended with exit code 3',
    stdout: 'out\n',
    stderr: 'err\n',
    lastLines: ['err'],
  });
});

test('a program that takes too long is killed, and the result says so', async () => {
  const result = await runCommand(['/bin/sh', '-c', 'sleep 60'], { env: {}, signal: never(), limitMs: 100 });
  expect(result).toMatchObject({ ok: false, status: 137, reason: '/bin/sh took longer than 0.1 s' });
});

test('stdout can be taken as a stream, and what its reader throws ends the program', async () => {
  const reading = runCommand(['/bin/sh', '-c', 'echo one; sleep 60'], {
    env: {},
    signal: never(),
    onStdout: async (stdout) => {
      for await (const chunk of stdout as AsyncIterable<Buffer>) throw new RangeError(chunk.toString());
    },
  });
  expect((await failure(reading, RangeError)).message).toBe('one\n');
});

test.each([
  ['SIGTERM', 143],
  ['SIGKILL', 137],
])('a program that dies of %s has the status that a shell would give it', async (name, status) => {
  expect((await sh(`kill -s ${name.slice(3)} $$`)).status).toBe(status);
});

test('a program that does not exist has status 127 and says so', async () => {
  const result = await runCommand(['layersmith-no-such-program'], { env: {}, signal: never() });
  expect(result).toMatchObject({
    ok: false,
    status: 127,
    stdout: '',
    lastLines: ['layersmith-no-such-program is not installed'],
  });
});

test('the last fifteen lines of stderr are kept, empty ones and carriage returns left out', async () => {
  const { lastLines } = await sh(
    'i=1; while [ $i -le 40 ]; do printf "line $i\\r\\n\\n" >&2; i=$((i+1)); done',
  );
  expect(lastLines).toEqual(Array.from({ length: 15 }, (_, index) => `line ${index + 26}`));
});

test('a last line without an end counts as the others do', async () => {
  const lines: string[] = [];
  const result = await runCommand(
    ['/bin/sh', '-c', 'i=1; while [ $i -le 15 ]; do echo $i >&2; i=$((i+1)); done; printf end >&2'],
    { env: {}, signal: never(), onLine: (line) => lines.push(line) },
  );
  expect(lines).toHaveLength(16);
  expect(lines.at(-1)).toBe('end');
  expect(result.lastLines).toHaveLength(15);
  expect(result.lastLines.at(-1)).toBe('end');
});

test('a character that comes in two chunks stays whole', async () => {
  const { lastLines } = await sh("printf 'Gr\\303' >&2; sleep 0.2; printf '\\274ße\\n' >&2");
  expect(lastLines).toEqual(['Grüße']);
});

test("nothing of this process's environment reaches it, only what is given and a plain PATH", async () => {
  process.env['LAYERSMITH_SECRET'] = 'x';
  try {
    const { stdout } = await runCommand(['/usr/bin/env'], { env: { GIVEN: 'yes' }, signal: never() });
    expect(stdout.trim().split('\n').sort()).toEqual([
      'GIVEN=yes',
      'LC_ALL=C',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ]);
  } finally {
    delete process.env['LAYERSMITH_SECRET'];
  }
});

test('it starts in the folder that is given, with nothing on stdin', async () => {
  const { stdout } = await runCommand(['/bin/sh', '-c', 'pwd; wc -c'], {
    env: {},
    signal: never(),
    cwd: '/usr',
  });
  expect(stdout.split('\n')).toEqual(['/usr', '0', '']);
});

test('much output on stdout does not stop it', async () => {
  const { stdout } = await sh('head -c 3000000 /dev/zero | tr "\\0" x');
  expect(stdout.length).toBe(3_000_000);
});

test('a signal that is aborted before starts nothing', async () => {
  await using folder = await temporaryFolder();
  const error = await failure(
    sh(`touch ${folder.path}/started`, AbortSignal.abort(new RangeError('stop'))),
    RangeError,
  );
  expect(error.message).toBe('stop');
  await expect(readFile(join(folder.path, 'started'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('an aborted signal kills it with all that it started, and is what it rejects with', async () => {
  await using folder = await temporaryFolder();
  const pidFile = join(folder.path, 'pid');
  const stopped = new AbortController();
  const running = sh(`sleep 60 & echo $! > ${pidFile}; wait`, stopped.signal);
  let pid = 0;
  while (pid === 0) {
    pid = Number(await readFile(pidFile, 'utf8').catch(() => '0'));
    await sleep(20);
  }
  stopped.abort(new RangeError('stop'));
  expect((await failure(running, RangeError)).message).toBe('stop');
  // Gone, or dead and waiting for this machine's init.
  expect(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone')).toMatch(/^gone$|\) Z /);
});
