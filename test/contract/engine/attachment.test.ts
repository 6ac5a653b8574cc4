import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { EngineError, EngineUnavailableError } from '../../../src/core/errors.js';
import type { Container } from '../../../src/engine/container-engine.js';
import { openDockerEngine } from '../../../src/engine/docker-engine.js';
import { splitMultiplexed } from '../../../src/engine/multiplexed-stream.js';
import { containerSpec } from '../../support/container-spec.js';
import { failure } from '../../support/failure.js';
import {
  CUT,
  END,
  ScriptedEngine,
  UPGRADED,
  answer,
  frame,
  play,
  type Step,
} from '../../support/scripted-engine.js';

const signal = AbortSignal.timeout(30_000);
const ATTACH = 'POST /containers/c1/attach';

let scripted: ScriptedEngine;
let container: Container;

beforeEach(async () => {
  scripted = await ScriptedEngine.start();
  scripted.on('POST /containers/create', answer(201, '{"Id":"c1","Warnings":[]}'), END);
  container = await (await openDockerEngine(scripted.address)).createContainer(containerSpec({ image: 'x' }));
});

afterEach(() => scripted[Symbol.asyncDispose]());

/** What came in on the stdin connection. */
let stdin: Promise<Buffer>;

/** The container's output; its stdin is collected until it is closed. */
function output(...steps: readonly Step[]): void {
  stdin = new Promise((resolve) => {
    scripted.onRequest(ATTACH, async ({ query }, connection) => {
      connection.write(UPGRADED);
      if (query.has('stdin')) resolve(buffer(connection));
      else await play(connection.resume(), steps);
    });
  });
  stdin.catch(() => undefined);
}

test('stdout and stderr come apart, and end when the container does', async () => {
  output(frame(1, 'out1 '), frame(2, 'err1 '), Buffer.concat([frame(1, 'out2'), frame(2, 'err2')]), END);
  const { stdout, stderr } = await container.attach(signal);
  expect(await Promise.all([text(stdout), text(stderr)])).toEqual(['out1 out2', 'err1 err2']);
});

test('output that comes in the same packet as the upgrade is not lost', async () => {
  scripted.onRequest(ATTACH, async (_request, connection) => {
    await play(connection, [Buffer.concat([Buffer.from(UPGRADED), frame(1, 'early')]), END]);
  });
  const { stdout, stderr } = await container.attach(signal);
  stderr.resume();
  expect(await text(stdout)).toBe('early');
});

test('stdin arrives byte for byte, with nothing before it, and can be closed while the output goes on', async () => {
  let close: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (close = resolve));
  output({ until: closed }, frame(1, 'after'), END);
  const attachment = await container.attach(signal);
  attachment.stderr.resume();
  attachment.stdin.write('one ');
  attachment.stdin.end('two');
  expect((await stdin).toString()).toBe('one two');
  close();
  expect(await text(attachment.stdout)).toBe('after');
});

test('closing stdin leaves its connection open the other way until the output ends', async () => {
  // Podman loses the end of stdin, and what it has not passed on, when more than this half is closed.
  let endOutput: () => void = () => undefined;
  const outputEnds = new Promise<void>((resolve) => (endOutput = resolve));
  let inputClosed = false;
  const inputEnded = new Promise<void>((resolve) => {
    scripted.onRequest(ATTACH, async ({ query }, connection) => {
      connection.write(UPGRADED);
      if (!query.has('stdin')) return play(connection.resume(), [{ until: outputEnds }, END]);
      connection.resume().once('end', resolve);
      connection.once('error', () => (inputClosed = true));
      for (let index = 0; index < 20; index += 1) await play(connection, ['x', { pause: 5 }]);
    });
  });
  const attachment = await container.attach(signal);
  attachment.stderr.resume();
  attachment.stdin.end('bye');
  await inputEnded;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(inputClosed).toBe(false);
  endOutput();
  await text(attachment.stdout);
  await expect.poll(() => scripted.openConnections).toBe(0);
});

test('attaching asks for the output and the input apart, without a body', async () => {
  output(END);
  await container.attach(signal);
  const attaches = scripted.requests.filter(({ path }) => path.endsWith('/attach'));
  expect(attaches.map(({ query }) => query.toString()).sort()).toEqual([
    'stream=1&stdin=1',
    'stream=1&stdout=1&stderr=1',
  ]);
  for (const { headers } of attaches) {
    expect(headers).toMatchObject({ 'content-length': '0', upgrade: 'tcp' });
    expect(headers).not.toHaveProperty('transfer-encoding');
  }
});

test('a refused attach says why', async () => {
  scripted.on(ATTACH, answer(404, '{"message":"No such container: c1"}'), END);
  const error = await failure(container.attach(signal), EngineError);
  expect(error.statusCode).toBe(404);
  expect(error.message).toContain('No such container: c1');
});

test('an engine that answers attach with plain HTTP is an error that speaks of the connection', async () => {
  scripted.on(ATTACH, answer(200, ''), END);
  expect((await failure(container.attach(signal), EngineError)).hint).toContain('Upgrade');
});

describe('when the engine is lost', () => {
  test('in the middle of a frame, both outputs fail', async () => {
    output(frame(1, 'whole'), frame(2, 'cut short').subarray(0, 12), END);
    const { stdout, stderr } = await container.attach(signal);
    const outcomes = [
      failure(text(stdout), EngineUnavailableError),
      failure(text(stderr), EngineUnavailableError),
    ];
    await Promise.all(outcomes);
  });

  test('in the middle of a header, both outputs fail', async () => {
    output(frame(1, 'x').subarray(0, 5), END);
    const { stdout } = await container.attach(signal);
    await failure(text(stdout), EngineUnavailableError);
  });

  test('between two frames, which looks like the end of the container, both outputs and stdin fail', async () => {
    output(frame(1, 'so far'), { pause: 600_000 });
    const { stdin: input, stdout, stderr } = await container.attach(signal);
    const stdinFails = failure(finished(input), EngineUnavailableError);
    const [first] = (await once(stdout, 'data')) as [Buffer];
    expect(first.toString()).toBe('so far');
    await scripted.kill();
    await Promise.all([
      failure(text(stdout), EngineUnavailableError),
      failure(text(stderr), EngineUnavailableError),
      stdinFails,
    ]);
  });

  test('nobody has to listen for it', async () => {
    output({ pause: 600_000 });
    const { stdout, stderr, stdin: input } = await container.attach(signal);
    await scripted.kill();
    await expect
      .poll(() => [stdout.destroyed, stderr.destroyed, input.destroyed])
      .toEqual([true, true, true]);
    expect(stdout.errored).toBeInstanceOf(EngineUnavailableError);
    expect(input.errored).toBeInstanceOf(EngineUnavailableError);
  });

  test('and answers again a moment later, a cut connection still fails', async () => {
    output(frame(1, 'whole'), frame(1, 'cut').subarray(0, 9), CUT);
    const { stdout } = await container.attach(signal);
    await failure(text(stdout), EngineUnavailableError);
  });
});

test('a container that ends without reading its stdin loses no output and ends stdin quietly', async () => {
  scripted.onRequest(ATTACH, async ({ query }, connection) => {
    connection.write(UPGRADED);
    if (query.has('stdin')) {
      await once(connection, 'data');
      connection.destroy();
    } else {
      await play(connection, [{ pause: 50 }, frame(1, 'last words'), END]);
    }
  });
  const { stdin: input, stdout, stderr } = await container.attach(signal);
  stderr.resume();
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(65_536);
    })(),
  );
  const feeding = expect(pipeline(endless, input)).rejects.toMatchObject({
    code: 'ERR_STREAM_PREMATURE_CLOSE',
  });
  expect(await text(stdout)).toBe('last words');
  await feeding;
  expect(input.errored).toBeNull();
});

test('an abort while attached destroys all three streams with its reason', async () => {
  output(frame(1, 'x'), { pause: 600_000 });
  const abort = new AbortController();
  const attachment = await container.attach(abort.signal);
  const reason = new Error('enough');
  setTimeout(() => {
    abort.abort(reason);
  }, 20);
  await expect(text(attachment.stdout)).rejects.toBe(reason);
  expect(attachment.stderr.errored).toBe(reason);
  expect(attachment.stdin.errored).toBe(reason);
  await expect.poll(() => scripted.openConnections).toBe(0);
});

test('an abort reaches a reader that has stopped reading', async () => {
  output(frame(1, Buffer.alloc(4 << 20)), { pause: 600_000 });
  const abort = new AbortController();
  const { stdout } = await container.attach(abort.signal);
  await new Promise((resolve) => setTimeout(resolve, 50));
  abort.abort(new Error('enough'));
  await once(stdout, 'close').catch(() => undefined);
  expect(stdout.errored).toBe(abort.signal.reason);
});

describe('the frame reader', () => {
  const options = {
    doing: 'read',
    beforeEnd: () => Promise.resolve(),
    translate: (error: unknown) => error as Error,
  };

  test('copes with every way of cutting frames into chunks', async () => {
    const bytes = Buffer.concat([
      frame(1, 'abc'),
      frame(2, ''),
      frame(2, 'déf'),
      frame(1, 'ghi'),
      frame(0, '!'),
    ]);
    for (let size = 1; size <= bytes.length; size += 1) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
      const { stdout, stderr } = splitMultiplexed(Readable.from(pieces), options);
      expect(await Promise.all([text(stdout), text(stderr)])).toEqual(['abcghi!', 'déf']);
    }
  });

  test.each([
    ['a length that no engine sends', Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])],
    ['an unknown stream', Buffer.from([4, 0, 0, 0, 0, 0, 0, 1, 65])],
    ['padding that is not zero', Buffer.from([1, 0, 1, 0, 0, 0, 0, 1, 65])],
    ['plain text', Buffer.from('not multiplexed at all')],
  ])('refuses %s', async (_name, bytes) => {
    const source = Readable.from([frame(1, 'fine'), bytes]);
    const { stdout, stderr } = splitMultiplexed(source, options);
    const failed = failure(text(stderr), EngineError);
    await failure(text(stdout), EngineError);
    expect((await failed).message).toContain('invalid frame header');
    expect(source.destroyed).toBe(true);
  });

  test('takes a frame of the engine itself for an error that says what the engine says', async () => {
    const { stdout } = splitMultiplexed(Readable.from([frame(3, 'no space left')]), options);
    expect((await failure(text(stdout), EngineError)).message).toContain('no space left');
  });

  test('reads no more than the slower output takes', async () => {
    let given = 0;
    const source = Readable.from(
      (function* () {
        for (; given < 500; given += 1) yield frame(given % 2 === 0 ? 1 : 2, Buffer.alloc(16_384));
      })(),
    );
    const { stdout, stderr } = splitMultiplexed(source, options);
    stdout.resume();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(given).toBeLessThan(30);
    expect((await buffer(stderr)).length).toBe(250 * 16_384);
  });

  test('goes on when the reader of one output has gone away', async () => {
    const source = Readable.from(
      (function* () {
        for (let index = 0; index < 200; index += 1) yield frame((index % 2) + 1, Buffer.alloc(16_384));
      })(),
    );
    const { stdout, stderr } = splitMultiplexed(source, options);
    setTimeout(() => stderr.destroy(), 10);
    expect((await buffer(stdout)).length).toBe(100 * 16_384);
  });

  test('passes many megabytes in frames of odd sizes', async () => {
    const frames = Array.from({ length: 3000 }, (_, index) =>
      frame(1, Buffer.alloc((index * 7919) % 9000, index)),
    );
    const bytes = Buffer.concat(frames);
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 65_521) pieces.push(bytes.subarray(at, at + 65_521));
    const { stdout, stderr } = splitMultiplexed(Readable.from(pieces), options);
    stderr.resume();
    const sink = new Writable({
      highWaterMark: 1000,
      write: (_chunk, _encoding, done) => setImmediate(done),
    });
    await pipeline(stdout, sink);
    expect(stdout.readableEnded).toBe(true);
  });
});
