import { EngineError } from '../core/errors.js';

/** The most bytes that may be sent in one direction of a connection before a credit acknowledges them. */
export const RELAY_WINDOW = 64 * 1024;

/** The most connections that the relay keeps open at once. */
export const RELAY_MAX_CONNECTIONS = 1024;

/** How a program ended: with an exit status, by a signal, or because it could not be started. */
export interface ProgramExit {
  readonly how: 'status' | 'signal' | 'not-started';
  /** The exit status, the signal's number, or the errno. */
  readonly value: number;
  /** Whether the kernel killed a process of the container for exceeding the memory limit while the program ran. */
  readonly outOfMemory: boolean;
}

/** A frame, or a part of a data or log frame, which are passed on in parts as they arrive. */
export type Frame =
  | { readonly type: 'open' | 'end' | 'reset'; readonly connection: number }
  | { readonly type: 'data'; readonly connection: number; readonly payload: Buffer }
  | { readonly type: 'credit'; readonly connection: number; readonly bytes: number }
  | { readonly type: 'start' | 'kill' }
  | { readonly type: 'exited'; readonly exit: ProgramExit }
  | { readonly type: 'memory'; readonly bytes: number }
  | { readonly type: 'log'; readonly payload: Buffer };
/** The type of a frame. */
export type FrameType = Frame['type'];

const HEADER_LENGTH = 9;

/** The frame types, by their numbers in `native/relay/relay.c`. */
const TYPES: readonly (FrameType | undefined)[] = [
  undefined,
  ...(['open', 'data', 'end', 'reset', 'credit', 'start', 'kill', 'exited', 'memory', 'log'] as const),
];

/** The payload length of each frame type in bytes; undefined for any length up to the window. */
const PAYLOAD_LENGTHS: Readonly<Record<FrameType, number | undefined>> = {
  ...{ open: 0, data: undefined, end: 0, reset: 0, credit: 4 },
  ...{ start: 0, kill: 0, exited: 6, memory: 8, log: undefined },
};
const LONGEST_FIXED_PAYLOAD = 8;

const EXITS = ['status', 'signal', 'not-started'] as const;

/** Encodes a frame: u32 connection, u8 type, u32 payload length, payload; numbers are big-endian. */
export function encodeFrame(frame: Frame): Buffer {
  const payload = payloadOf(frame);
  const bytes = Buffer.allocUnsafe(HEADER_LENGTH + payload.length);
  bytes.writeUInt32BE('connection' in frame ? frame.connection : 0, 0);
  bytes.writeUInt8(TYPES.indexOf(frame.type), 4);
  bytes.writeUInt32BE(payload.length, 5);
  payload.copy(bytes, HEADER_LENGTH);
  return bytes;
}

function payloadOf(frame: Frame): Buffer {
  if (frame.type === 'data' || frame.type === 'log') return frame.payload;
  const payload = Buffer.alloc(PAYLOAD_LENGTHS[frame.type] ?? 0);
  if (frame.type === 'credit') payload.writeUInt32BE(frame.bytes);
  if (frame.type === 'memory') payload.writeBigUInt64BE(BigInt(frame.bytes));
  if (frame.type === 'exited') {
    payload.writeUInt8(EXITS.indexOf(frame.exit.how), 0);
    payload.writeUInt8(frame.exit.outOfMemory ? 1 : 0, 1);
    payload.writeUInt32BE(frame.exit.value, 2);
  }
  return payload;
}

/** Reads frames from a stream of bytes that may be split anywhere. */
export interface FrameReader {
  /** Yields the frames that the bytes complete. Throws `EngineError` for invalid frames; the reader is then unusable. */
  read(bytes: Buffer): Generator<Frame, void, void>;
  /** Whether the last frame is incomplete. */
  readonly midFrame: boolean;
}

/** Creates a reader, which buffers at most an incomplete header and a short payload. */
export function createFrameReader(): FrameReader {
  const head = Buffer.alloc(HEADER_LENGTH + LONGEST_FIXED_PAYLOAD);
  let have = 0;
  /** The data or log frame whose payload is being received. */
  let coming: { readonly type: 'data' | 'log'; readonly connection: number } | undefined;
  let left = 0;

  return {
    get midFrame() {
      return have > 0 || left > 0;
    },
    *read(bytes) {
      let at = 0;
      while (at < bytes.length) {
        if (coming !== undefined && left > 0) {
          const payload = bytes.subarray(at, at + left);
          at += payload.length;
          left -= payload.length;
          const { type, connection } = coming;
          yield type === 'log' ? { type, payload } : { type, connection, payload };
          continue;
        }
        const type = have < HEADER_LENGTH ? undefined : frameType(head);
        const wanted = HEADER_LENGTH + (type === undefined ? 0 : (PAYLOAD_LENGTHS[type] ?? 0));
        const copied = bytes.copy(head, have, at, at + wanted - have);
        at += copied;
        have += copied;
        if (have < HEADER_LENGTH) return;
        const known = frameType(head);
        if (have < HEADER_LENGTH + (PAYLOAD_LENGTHS[known] ?? 0)) continue;
        have = 0;
        if (known === 'data' || known === 'log') {
          coming = { type: known, connection: head.readUInt32BE(0) };
          left = head.readUInt32BE(5);
        } else {
          yield shortFrame(known, head);
        }
      }
    },
  };
}

function shortFrame(type: Exclude<FrameType, 'data' | 'log'>, head: Buffer): Frame {
  const connection = head.readUInt32BE(0);
  switch (type) {
    case 'open':
    case 'end':
    case 'reset':
      return { type, connection };
    case 'credit':
      return { type, connection, bytes: head.readUInt32BE(HEADER_LENGTH) };
    case 'start':
    case 'kill':
      return { type };
    case 'memory':
      return { type, bytes: Number(head.readBigUInt64BE(HEADER_LENGTH)) };
    case 'exited': {
      const how = EXITS[head.readUInt8(HEADER_LENGTH)];
      if (how === undefined) throw notAFrame('unknown kind of exit', head);
      const outOfMemory = head.readUInt8(HEADER_LENGTH + 1) !== 0;
      return { type, exit: { how, value: head.readUInt32BE(HEADER_LENGTH + 2), outOfMemory } };
    }
  }
}

function frameType(head: Buffer): FrameType {
  const number = head.readUInt8(4);
  const length = head.readUInt32BE(5);
  const type = TYPES[number];
  if (type === undefined) throw notAFrame(`unknown type ${number}`, head);
  const expected = PAYLOAD_LENGTHS[type];
  if (expected === undefined ? length > RELAY_WINDOW : length !== expected)
    throw notAFrame(`a frame of type "${type}" cannot have ${length} bytes`, head);
  return type;
}

function notAFrame(why: string, head: Buffer): EngineError {
  return new EngineError(`the container sent an invalid relay frame: ${why}`, {
    details: { bytes: head.subarray(0, HEADER_LENGTH).toString('hex') },
    hint: 'Check that only the relay writes to the stdout of the container, and that its version matches.',
  });
}
