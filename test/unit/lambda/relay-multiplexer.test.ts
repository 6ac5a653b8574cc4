import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/core/errors.js';
import {
  encodeFrame,
  RELAY_MAX_CONNECTIONS,
  RELAY_WINDOW,
  type Frame,
  type ProgramExit,
} from '../../../src/lambda/relay-frames.js';
import { multiplexRelay } from '../../../src/lambda/relay-multiplexer.js';
import { FUZZ_SEED, randomSource } from '../../support/fuzz-bytes.js';
import { createRelayPeer } from './relay-peer.js';

function start(options: { readonly autoCredit?: boolean } = {}) {
  const peer = createRelayPeer({ autoCredit: options.autoCredit ?? true });
  const connections: Duplex[] = [];
  const logged: Buffer[] = [];
  const exits: ProgramExit[] = [];
  const relay = multiplexRelay({
    stdout: peer.stdout,
    stdin: peer.stdin,
    onConnection: (connection) => connections.push(connection),
    onLog: (bytes) => logged.push(Buffer.from(bytes)),
    onExit: (exit) => exits.push(exit),
  });
  const connection = async (index = 0): Promise<Duplex> => {
    for (;;) {
      const found = connections[index];
      if (found !== undefined) return found;
      await turn();
    }
  };
  return { peer, connections, connection, relay, exits, log: () => Buffer.concat(logged).toString() };
}

const data = (connection: number, payload: string | Buffer): Frame => ({
  type: 'data',
  connection,
  payload: Buffer.from(payload),
});

/** What comes until the end; a loop over the stream would destroy its other direction as well. */
async function text(stream: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks).toString();
}

describe('a relayed connection', () => {
  test('carries bytes both ways and ends each way on its own', async () => {
    const { peer, connection, relay } = start();
    peer.send({ type: 'open', connection: 1 }, data(1, 'ping'), { type: 'end', connection: 1 });
    const duplex = await connection();
    expect(await text(duplex)).toBe('ping');
    duplex.write('po');
    duplex.end('ng');
    await peer.until(() => peer.received.some((frame) => frame.type === 'end'));
    expect(peer.dataOf(1).toString()).toBe('pong');
    expect(peer.received.map((frame) => frame.type)).not.toContain('reset');
    peer.stdout.end();
    await expect(relay.closed).resolves.toBeUndefined();
  });

  test('is left alone by the others', async () => {
    const { peer, connection } = start();
    peer.send({ type: 'open', connection: 1 }, { type: 'open', connection: 2 }, data(2, 'b'), data(1, 'a'));
    peer.send({ type: 'reset', connection: 1 }, { type: 'end', connection: 2 });
    expect(await text(await connection(1))).toBe('b');
  });

  test('serves HTTP, several requests on one connection', async () => {
    const peer = createRelayPeer({ autoCredit: true });
    const server = createServer((request, response) => response.end(`you asked for ${request.url ?? ''}`));
    multiplexRelay({
      stdout: peer.stdout,
      stdin: peer.stdin,
      onConnection: (connection) => server.emit('connection', connection),
      onLog: () => undefined,
      onExit: () => undefined,
    });
    peer.send({ type: 'open', connection: 1 });
    for (const path of ['/one', '/two', '/three']) {
      peer.send(data(1, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
      await peer.until(() => peer.dataOf(1).includes(`you asked for ${path}`));
    }
    expect(peer.received.map((frame) => frame.type)).not.toContain('end');
  });

  test('sends no more than the window until the relay gives credit', async () => {
    const { peer, connection } = start({ autoCredit: false });
    peer.send({ type: 'open', connection: 1 });
    const duplex = await connection();
    const sent = randomBytes(3 * RELAY_WINDOW);
    duplex.end(sent);
    await peer.until(() => peer.dataOf(1).length === RELAY_WINDOW);
    for (let n = 0; n < 5; n += 1) await turn();
    expect(peer.dataOf(1).length).toBe(RELAY_WINDOW);
    peer.send({ type: 'credit', connection: 1, bytes: RELAY_WINDOW });
    await peer.until(() => peer.dataOf(1).length === 2 * RELAY_WINDOW);
    peer.send({ type: 'credit', connection: 1, bytes: RELAY_WINDOW });
    await peer.until(() => peer.received.some((frame) => frame.type === 'end'));
    expect(peer.dataOf(1).equals(sent)).toBe(true);
  });

  test('gives credit only for what was read', async () => {
    const { peer, connection } = start();
    peer.send({ type: 'open', connection: 1 }, data(1, Buffer.alloc(RELAY_WINDOW)));
    const duplex = await connection();
    for (let n = 0; n < 5; n += 1) await turn();
    expect(peer.received).toEqual([]);
    duplex.resume();
    await peer.until(() => peer.received.length > 0);
    const credited = peer.received.map((frame) => (frame.type === 'credit' ? frame.bytes : 0));
    expect(credited.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(RELAY_WINDOW);
    expect(credited.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThanOrEqual(RELAY_WINDOW / 2);
  });

  test('is destroyed with ECONNRESET when it is reset in the container', async () => {
    const { peer, connection } = start();
    peer.send({ type: 'open', connection: 1 });
    const duplex = await connection();
    const failed = once(duplex, 'error');
    peer.send({ type: 'reset', connection: 1 });
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }]);
    expect(peer.received).toEqual([]);
  });

  test('is reset in the container when it is destroyed here, and late frames for it are ignored', async () => {
    const { peer, connection, relay } = start();
    peer.send({ type: 'open', connection: 1 });
    (await connection()).destroy();
    await peer.until(() => peer.received.length > 0);
    expect(peer.received).toEqual([{ type: 'reset', connection: 1 }]);
    peer.send(data(1, 'late'), { type: 'credit', connection: 1, bytes: 1 }, { type: 'end', connection: 1 });
    peer.stdout.end();
    await expect(relay.closed).resolves.toBeUndefined();
  });
});

describe('the program of the relay', () => {
  const EXIT: ProgramExit = { how: 'signal', value: 9, outOfMemory: true };

  test('is started and killed, and its end, its log and its memory are told', async () => {
    const { peer, relay, exits, log } = start();
    expect(relay.peakMemory).toBeUndefined();
    relay.kill();
    relay.start();
    relay.kill();
    await peer.until(() => peer.received.length === 2);
    expect(peer.received).toEqual([{ type: 'start' }, { type: 'kill' }]);
    peer.send({ type: 'log', payload: Buffer.from('one\n') }, { type: 'memory', bytes: 2 ** 33 });
    peer.send({ type: 'log', payload: Buffer.from('two') }, { type: 'exited', exit: EXIT });
    while (exits.length === 0) await turn();
    expect(exits).toEqual([EXIT]);
    expect(log()).toBe('one\ntwo');
    expect(relay.peakMemory).toBe(2 ** 33);
    relay.start();
    await peer.until(() => peer.received.length === 3);
  });

  test('loses its connections when it is killed', async () => {
    const { peer, relay, connection } = start();
    relay.start();
    peer.send({ type: 'open', connection: 1 });
    const duplex = await connection();
    relay.kill();
    expect(duplex.destroyed).toBe(true);
    await peer.until(() => peer.received.length === 3);
    expect(peer.received).toEqual([{ type: 'start' }, { type: 'reset', connection: 1 }, { type: 'kill' }]);
  });

  test.each<readonly [string, Frame, RegExp]>([
    ['ends without a start', { type: 'exited', exit: EXIT }, /not started/],
    ['gives orders', { type: 'start' }, /only the host/],
    ['gives orders', { type: 'kill' }, /only the host/],
  ])('that %s is an EngineError', async (_what, frame, message) => {
    const { peer, relay } = start();
    peer.send(frame);
    await expect(relay.closed).rejects.toThrow(EngineError);
    await expect(relay.closed).rejects.toThrow(message);
  });
});

describe('the multiplexer', () => {
  test.each<readonly [string, readonly Frame[], RegExp]>([
    ['data for a connection that was never opened', [data(1, 'x')], /never opened/],
    [
      'a connection opened twice',
      [
        { type: 'open', connection: 1 },
        { type: 'open', connection: 1 },
      ],
      /twice/,
    ],
    [
      'data after the end',
      [{ type: 'open', connection: 1 }, { type: 'end', connection: 1 }, data(1, 'x')],
      /after the end/,
    ],
    [
      'data beyond the window',
      [{ type: 'open', connection: 1 }, data(1, Buffer.alloc(RELAY_WINDOW)), data(1, 'x')],
      /window/,
    ],
    [
      'credit for bytes that were not sent',
      [
        { type: 'open', connection: 1 },
        { type: 'credit', connection: 1, bytes: 1 },
      ],
      /confirmed more bytes/,
    ],
    [
      'too many connections',
      Array.from(
        { length: RELAY_MAX_CONNECTIONS + 1 },
        (_, n) => ({ type: 'open', connection: n + 1 }) as const,
      ),
      /more than 1024/,
    ],
  ])('ends with an EngineError at %s', async (_what, frames, message) => {
    const { peer, connections, relay } = start();
    peer.send(...frames);
    await expect(relay.closed).rejects.toThrow(EngineError);
    await expect(relay.closed).rejects.toThrow(message);
    await turn();
    expect(connections.every((connection) => connection.destroyed)).toBe(true);
    expect(peer.stdin.writableEnded).toBe(true);
  });

  test('ends with an EngineError at bytes that are not frames', async () => {
    const { peer, relay } = start();
    peer.stdout.write('Fatal error: Out of memory');
    await expect(relay.closed).rejects.toThrow(/invalid relay frame/);
  });

  test('ends with an EngineError when the output stops in the middle of a frame', async () => {
    const { peer, relay } = start();
    peer.stdout.end(encodeFrame({ type: 'open', connection: 1 }).subarray(0, 5));
    await expect(relay.closed).rejects.toThrow(/middle of a frame/);
  });

  test('ends with an EngineError when the output is closed without an end', async () => {
    const { peer, relay } = start();
    peer.stdout.destroy();
    await expect(relay.closed).rejects.toThrow(EngineError);
  });

  test('ends with the error that broke the output', async () => {
    const { peer, connection, relay } = start();
    peer.send({ type: 'open', connection: 1 });
    const failed = once(await connection(), 'error');
    const lost = new EngineError('the engine is gone');
    peer.stdout.destroy(lost);
    await expect(relay.closed).rejects.toBe(lost);
    expect(await failed).toEqual([lost]);
  });

  test(`survives ten thousand random byte strings (seed ${FUZZ_SEED})`, async () => {
    const random = randomSource(FUZZ_SEED);
    let refused = 0;
    for (let n = 0; n < 10_000; n += 1) {
      const { peer, relay } = start();
      peer.stdout.end(random.bytes(n % 64));
      await relay.closed.catch((error: unknown) => {
        expect(error, `seed ${FUZZ_SEED}, string ${n}`).toBeInstanceOf(EngineError);
        refused += 1;
      });
    }
    // Nearly every string breaks the format: one that ends quietly is rare.
    expect(refused).toBeGreaterThan(5_000);
  });
});
