import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/core/errors.js';
import {
  createFrameReader,
  encodeFrame,
  RELAY_WINDOW,
  type Frame,
} from '../../../src/lambda/relay-frames.js';

const FRAMES: readonly Frame[] = [
  { type: 'open', connection: 1 },
  { type: 'data', connection: 1, payload: Buffer.from('GET / HTTP/1.1\r\n\r\n') },
  { type: 'credit', connection: 1, bytes: 40_000 },
  { type: 'end', connection: 1 },
  { type: 'open', connection: 0xff_ff_ff_ff },
  { type: 'reset', connection: 0xff_ff_ff_ff },
  { type: 'start' },
  { type: 'log', payload: Buffer.from('what the program says\n') },
  { type: 'memory', bytes: 2 ** 40 + 1 },
  { type: 'exited', exit: { how: 'status', value: 255, outOfMemory: false } },
  { type: 'exited', exit: { how: 'not-started', value: 2, outOfMemory: true } },
  { type: 'kill' },
];

/** Data and log frames may come in parts: joined again, so that they can be compared. */
function joined(frames: readonly Frame[]): Frame[] {
  const result: Frame[] = [];
  for (const frame of frames) {
    const last = result.at(-1);
    if (frame.type === 'data' && last?.type === 'data' && last.connection === frame.connection) {
      result[result.length - 1] = { ...frame, payload: Buffer.concat([last.payload, frame.payload]) };
    } else if (frame.type === 'log' && last?.type === 'log') {
      result[result.length - 1] = { ...frame, payload: Buffer.concat([last.payload, frame.payload]) };
    } else {
      result.push('payload' in frame ? { ...frame, payload: Buffer.from(frame.payload) } : frame);
    }
  }
  return result;
}

function header(options: {
  readonly connection: number;
  readonly type: number;
  readonly length: number;
}): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt32BE(options.connection, 0);
  bytes.writeUInt8(options.type, 4);
  bytes.writeUInt32BE(options.length, 5);
  return bytes;
}

describe('the frames of the relay', () => {
  test('are laid out as relay.c reads them', () => {
    const data = encodeFrame({ type: 'data', connection: 258, payload: Buffer.from('hi') });
    expect(data.toString('hex')).toBe('00000102' + '02' + '00000002' + '6869');
    expect(encodeFrame({ type: 'credit', connection: 1, bytes: 65536 }).toString('hex')).toBe(
      '00000001' + '05' + '00000004' + '00010000',
    );
    const exit = { how: 'signal', value: 11, outOfMemory: true } as const;
    expect(encodeFrame({ type: 'exited', exit }).toString('hex')).toBe(
      '00000000' + '08' + '00000006' + '01' + '01' + '0000000b',
    );
    expect(encodeFrame({ type: 'memory', bytes: 4096 }).toString('hex')).toBe(
      '00000000' + '09' + '00000008' + '0000000000001000',
    );
    expect(encodeFrame({ type: 'start' }).toString('hex')).toBe('00000000' + '06' + '00000000');
  });

  test.each([1, 2, 3, 7, 8, 9, 10, 13, 64])('are read from pieces of %i bytes', (size) => {
    const bytes = Buffer.concat(FRAMES.map(encodeFrame));
    const reader = createFrameReader();
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length; at += size)
      frames.push(...reader.read(bytes.subarray(at, at + size)));
    expect(joined(frames)).toEqual(FRAMES);
    expect(reader.midFrame).toBe(false);
  });

  test('are not whole until their last byte is there', () => {
    const exit = { how: 'status', value: 5, outOfMemory: false } as const;
    const bytes = encodeFrame({ type: 'exited', exit });
    for (let length = 1; length < bytes.length; length += 1) {
      const reader = createFrameReader();
      expect([...reader.read(bytes.subarray(0, length))]).toEqual([]);
      expect(reader.midFrame).toBe(true);
    }
  });

  test.each([
    ['an unknown type', header({ connection: 1, type: 11, length: 0 })],
    ['type zero', Buffer.alloc(9)],
    ['data longer than the window', header({ connection: 1, type: 2, length: RELAY_WINDOW + 1 })],
    ['an end with a payload', header({ connection: 1, type: 3, length: 1 })],
    ['a credit of two bytes', header({ connection: 1, type: 5, length: 2 })],
    ['a start with a payload', header({ connection: 0, type: 6, length: 1 })],
    ['a log longer than the window', header({ connection: 0, type: 10, length: RELAY_WINDOW + 1 })],
    [
      'an end of a program that there is not',
      Buffer.concat([header({ connection: 0, type: 8, length: 6 }), Buffer.alloc(6, 3)]),
    ],
    ['text', Buffer.from('PHP Warning:  something is wrong')],
  ])('with %s are refused', (_what, bytes) => {
    const reader = createFrameReader();
    expect(() => [...reader.read(bytes)]).toThrow(EngineError);
  });
});
