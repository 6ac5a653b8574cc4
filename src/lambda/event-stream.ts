import { crc32 } from 'node:zlib';

const STRING = 7;
/** Two lengths and their checksum before, the message's checksum after. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;

/**
 * Encodes a message of `application/vnd.amazon.eventstream`, the framing of AWS's streaming APIs: total length and header
 * length, their CRC32, headers, payload, CRC32 of everything before (specified by Smithy). All headers are strings.
 */
export function eventStreamMessage(headers: Readonly<Record<string, string>>, payload: Uint8Array): Buffer {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => header(name, value)));
  const total = PRELUDE_BYTES + head.length + payload.length + CHECKSUM_BYTES;
  const prelude = Buffer.alloc(PRELUDE_BYTES);
  prelude.writeUInt32BE(total, 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const message = Buffer.concat([prelude, head, payload, Buffer.alloc(CHECKSUM_BYTES)], total);
  message.writeUInt32BE(crc32(message.subarray(0, -CHECKSUM_BYTES)), total - CHECKSUM_BYTES);
  return message;
}

function header(name: string, value: string): Buffer {
  const [key, text] = [Buffer.from(name), Buffer.from(value)];
  const lengths = [
    Buffer.from([key.length]),
    key,
    Buffer.from([STRING, text.length >> 8, text.length & 0xff]),
  ];
  return Buffer.concat([...lengths, text]);
}
