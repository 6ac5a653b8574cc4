import { EngineError } from '../core/errors.js';

/** What a frame of the relay says; the numbers are those of `recipes/relay/relay.c`. */
export const FRAME_TYPES = { open: 1, data: 2, end: 3, reset: 4, credit: 5 } as const;
export type FrameType = keyof typeof FRAME_TYPES;

/** Bytes of data that may be under way on one connection in one direction before a credit answers them. */
export const RELAY_WINDOW = 64 * 1024;

/** The most connections that the relay keeps open at once. */
export const RELAY_MAX_CONNECTIONS = 1024;

const HEADER_LENGTH = 9;
const TYPES: readonly (FrameType | undefined)[] = [undefined, 'open', 'data', 'end', 'reset', 'credit'];

/** A frame, or a part of a data frame: data is passed on as it comes. */
export type Frame =
  | { readonly type: 'open' | 'end' | 'reset'; readonly connection: number }
  | { readonly type: 'data'; readonly connection: number; readonly payload: Buffer }
  | { readonly type: 'credit'; readonly connection: number; readonly bytes: number };

/** The bytes of a frame: u32 connection, u8 type, u32 payload length, payload; numbers big-endian. */
export function encodeFrame(frame: Frame): Buffer {
  const payloadLength = frame.type === 'data' ? frame.payload.length : frame.type === 'credit' ? 4 : 0;
  const bytes = Buffer.allocUnsafe(HEADER_LENGTH + payloadLength);
  bytes.writeUInt32BE(frame.connection, 0);
  bytes.writeUInt8(FRAME_TYPES[frame.type], 4);
  bytes.writeUInt32BE(payloadLength, 5);
  if (frame.type === 'data') frame.payload.copy(bytes, HEADER_LENGTH);
  if (frame.type === 'credit') bytes.writeUInt32BE(frame.bytes, HEADER_LENGTH);
  return bytes;
}

/** Takes frames out of a stream of bytes that may be cut anywhere. */
export interface FrameReader {
  /** The frames that the bytes complete. Throws `EngineError` for what is not a frame; then it is of no more use. */
  read(bytes: Buffer): Generator<Frame, void, void>;
  /** Is a frame begun and not finished? */
  readonly midFrame: boolean;
}

/** Keeps no more than the fifteen bytes of a cut header. */
export function createFrameReader(): FrameReader {
  const head = Buffer.alloc(HEADER_LENGTH + 4);
  let have = 0;
  let connection = 0;
  let dataLeft = 0;

  return {
    get midFrame() {
      return have > 0 || dataLeft > 0;
    },
    *read(bytes) {
      let at = 0;
      while (at < bytes.length) {
        if (dataLeft > 0) {
          const payload = bytes.subarray(at, at + dataLeft);
          at += payload.length;
          dataLeft -= payload.length;
          yield { type: 'data', connection, payload };
          continue;
        }
        const wanted = have < HEADER_LENGTH ? HEADER_LENGTH : HEADER_LENGTH + head.readUInt32BE(5);
        const copied = bytes.copy(head, have, at, at + wanted - have);
        at += copied;
        have += copied;
        if (have < HEADER_LENGTH) return;
        const type = frameType(head);
        if (type === 'credit' && have < HEADER_LENGTH + 4) continue;
        have = 0;
        connection = head.readUInt32BE(0);
        if (type === 'data') dataLeft = head.readUInt32BE(5);
        else if (type === 'credit') yield { type, connection, bytes: head.readUInt32BE(HEADER_LENGTH) };
        else yield { type, connection };
      }
    },
  };
}

function frameType(head: Buffer): FrameType {
  const number = head.readUInt8(4);
  const length = head.readUInt32BE(5);
  const type = TYPES[number];
  if (type === undefined) throw notAFrame(`its type is ${number}`, head);
  const fits = type === 'data' ? length <= RELAY_WINDOW : length === (type === 'credit' ? 4 : 0);
  if (!fits) throw notAFrame(`a frame of type "${type}" cannot have ${length} bytes`, head);
  return type;
}

function notAFrame(why: string, head: Buffer): EngineError {
  return new EngineError(`what came out of the container is not a frame of the relay: ${why}`, {
    details: { bytes: head.subarray(0, HEADER_LENGTH).toString('hex') },
    hint: 'Something else than the relay wrote to the standard output of the container, or the relay is of another version.',
  });
}
