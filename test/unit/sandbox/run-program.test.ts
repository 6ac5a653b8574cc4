import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/core/errors.js';
import type { Container, ContainerEngine } from '../../../src/engine/container-engine.js';
import { readOutputLines, readOutputText } from '../../../src/sandbox/program-output.js';
import {
  programFailure,
  runProgram,
  type ContainerProgram,
  type ProgramEnd,
} from '../../../src/sandbox/run-program.js';
import { containerSpec } from '../../support/container-spec.js';
import { failure } from '../../support/failure.js';
import { tarOf } from '../../support/tar.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const SPEC = containerSpec({ image: 'image' });

interface Fake {
  readonly program: ContainerProgram;
  readonly steps: string[];
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  readonly text: () => string;
  /** Ends the container and its output. */
  readonly end: (how?: { readonly exitCode: number; readonly outOfMemory: boolean }) => void;
}

/** A program in an engine that writes down what is done with its one container. */
function fakeProgram(
  changes: Partial<ContainerProgram> = {},
  containerChanges: Partial<Container> = {},
): Fake {
  const steps: string[] = [];
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let resolve: (how: { exitCode: number; outOfMemory: boolean }) => void = () => undefined;
  const ended = new Promise<{ exitCode: number; outOfMemory: boolean }>((done) => {
    resolve = done;
  });
  const step = async (name: string): Promise<void> => {
    steps.push(name);
    await Promise.resolve();
  };
  const container: Container = {
    id: 'fake',
    putArchive: (path) => step(`put ${path}`),
    getArchive: () => Promise.resolve(tarOf([{ name: 'result/', type: 'directory' }])),
    attach: async (signal) => {
      await step('attach');
      signal.addEventListener('abort', () => {
        steps.push('detach');
        for (const stream of [stdin, stdout, stderr])
          stream.on('error', () => undefined).destroy(signal.reason as Error);
      });
      return { stdin, stdout, stderr };
    },
    start: () => step('start'),
    wait: (signal) =>
      Promise.race([
        ended,
        new Promise<never>((_resolve, reject) => {
          if (signal.aborted) reject(signal.reason as Error);
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        }),
      ]),
    kill: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => step('remove'),
    ...containerChanges,
  };
  const out = readOutputText(1000);
  return {
    steps,
    stdout,
    stderr,
    text: out.text,
    program: {
      engine: { createContainer: () => Promise.resolve(container) } as unknown as ContainerEngine,
      spec: SPEC,
      output: { stdout: out.follow, stderr: readOutputText(1000).follow },
      limitMs: undefined,
      signal: new AbortController().signal,
      ...changes,
    },
    end: (how = { exitCode: 0, outOfMemory: false }) => {
      stdout.end();
      stderr.end();
      resolve(how);
    },
  };
}

const endOf = (program: ContainerProgram): Promise<ProgramEnd> => runProgram(program, ({ end }) => end);

describe('a program in a container', () => {
  test('is filled, attached to and started in that order, and removed when its result was used', async () => {
    const fake = fakeProgram({
      fill: (container) => container.putArchive('/opt', tarOf([]), new AbortController().signal),
    });
    fake.stdout.write('hello');
    fake.end();
    await runProgram(fake.program, ({ end }) => {
      expect(end).toEqual({ status: 'exited', exitCode: 0, outOfMemory: false });
      fake.steps.push('use');
    });
    expect(fake.steps).toEqual(['put /opt', 'attach', 'start', 'use', 'remove']);
    expect(fake.text()).toBe('hello');
  });

  test('that does not end within its time has timed out', async () => {
    const fake = fakeProgram({ limitMs: 20 });
    const end = await endOf(fake.program);
    expect(end).toEqual({ status: 'timed-out', limitMs: 20 });
    expect(fake.steps.at(-1)).toBe('remove');
  });

  test('that a signal stops rejects with its reason, also before its time is over', async () => {
    const controller = new AbortController();
    const fake = fakeProgram({ limitMs: 60_000, signal: controller.signal });
    const reason = new Error('Ctrl-C');
    const rejected = expect(endOf(fake.program)).rejects.toBe(reason);
    controller.abort(reason);
    await rejected;
    expect(fake.steps.at(-1)).toBe('remove');
  });

  test('that is not in the image did not start; another refusal of the engine is an error', async () => {
    const refuse = (message: string): Partial<Container> => ({
      start: () => Promise.reject(new EngineError(message, { statusCode: 400 })),
    });
    const missing = fakeProgram({}, refuse('exec: "/opt/bin/x": no such file or directory'));
    expect(await endOf(missing.program)).toMatchObject({ status: 'not-started' });
    await failure(endOf(fakeProgram({}, refuse('the daemon is busy')).program), EngineError);
  });

  test('is stopped when its output cannot be read', async () => {
    const broken = new Error('the disk is full');
    const fake = fakeProgram({
      output: { stdout: () => Promise.reject(broken), stderr: () => Promise.resolve() },
    });
    await expect(endOf(fake.program)).rejects.toBe(broken);
    expect(fake.steps.at(-1)).toBe('remove');
  });

  test('that the engine fails to start or to wait for has no open attachment, nor has one that timed out', async () => {
    const lost = new EngineError('the engine is gone');
    for (const method of ['start', 'wait'] as const) {
      const fake = fakeProgram({}, { [method]: () => Promise.reject(lost) });
      await expect(endOf(fake.program)).rejects.toBe(lost);
      expect(fake.steps.slice(-2)).toEqual(['detach', 'remove']);
    }
    const slow = fakeProgram({ limitMs: 20 });
    await runProgram(slow.program, () => slow.steps.push('use'));
    expect(slow.steps.slice(-3)).toEqual(['detach', 'use', 'remove']);
    const quick = fakeProgram();
    quick.end();
    await endOf(quick.program);
    expect(quick.steps).not.toContain('detach');
  });

  test('that failed is kept where that is asked for, but not when the run was stopped', async () => {
    const kept: string[] = [];
    const controller = new AbortController();
    const failing = fakeProgram({ keepFailed: (id) => kept.push(id) });
    failing.end({ exitCode: 1, outOfMemory: false });
    const reason = new Error('it failed');
    const use = (): never => {
      throw reason;
    };
    await expect(runProgram(failing.program, use)).rejects.toBe(reason);
    expect([kept, failing.steps]).toEqual([['fake'], ['attach', 'start']]);
    const stopped = fakeProgram({ keepFailed: (id) => kept.push(id), signal: controller.signal });
    const rejected = expect(endOf(stopped.program)).rejects.toBe(reason);
    controller.abort(reason);
    await rejected;
    expect([kept, stopped.steps.at(-1)]).toEqual([['fake'], 'remove']);
  });

  test('gives a folder out, and undefined for one that is not there', async () => {
    await using folder = await temporaryFolder();
    const tmpDir = folder.path;
    const present = fakeProgram();
    present.end();
    await using tree = await runProgram(present.program, ({ takeFolder }) =>
      takeFolder('/result', { tmpDir }),
    );
    expect(tree?.entries).toEqual([]);
    const absent = fakeProgram(
      {},
      { getArchive: () => Promise.reject(new EngineError('not found', { statusCode: 404 })) },
    );
    absent.end();
    expect(
      await runProgram(absent.program, ({ takeFolder }) => takeFolder('/result', { tmpDir })),
    ).toBeUndefined();
  });
});

test.each<readonly [ProgramEnd, string | undefined]>([
  [{ status: 'exited', exitCode: 0, outOfMemory: false }, undefined],
  [{ status: 'exited', exitCode: 3, outOfMemory: false }, 'ended with status 3'],
  [{ status: 'exited', exitCode: 137, outOfMemory: true }, 'used more than its 64 MiB of memory'],
  [{ status: 'timed-out', limitMs: 60_000 }, 'did not end within 60 s'],
  [{ status: 'timed-out', limitMs: 5_400_000 }, 'did not end within 90 min'],
  [{ status: 'timed-out', limitMs: 10_800_000 }, 'did not end within 3 h'],
  [{ status: 'not-started', reason: 'no such file' }, 'could not be started: no such file'],
])('%j is described', (end, text) => {
  expect(programFailure(end, SPEC)).toBe(text);
});

test('the last lines of an output are kept without control sequences, cut and without empty ones', async () => {
  const seen: string[] = [];
  const lines = readOutputLines({
    keep: 2,
    onLine: (line) => seen.push(line),
    isHidden: (line) => line === 'secret',
  });
  const stream = new PassThrough();
  const reading = lines.follow(stream);
  for (const part of ['\u001b[31mred\u001b[0m\n', '\n', 'secret\nhalf', ' line\n', 'x'.repeat(400)])
    stream.write(part);
  stream.end();
  await reading;
  expect(seen).toEqual(['red', 'half line', 'x'.repeat(400)]);
  expect(lines.last).toEqual(['half line', 'x'.repeat(300)]);
});
