import { expect, test } from 'vitest';
import { eventStreamMessage } from '../../../src/lambda/event-stream.js';

test('an empty message has the bytes of the specification', () => {
  expect(eventStreamMessage({}, new Uint8Array()).toString('base64')).toBe('AAAAEAAAAAAFwkjrfZjI/w==');
});

test('headers come before the payload, each with its length', () => {
  const message = eventStreamMessage({ ':event-type': 'PayloadChunk' }, Buffer.from('abc'));
  expect(message.readUInt32BE(0)).toBe(message.length);
  expect(message.subarray(12, 12 + message.readUInt32BE(4)).toString('latin1')).toBe(
    '\x0b:event-type\x07\x00\x0cPayloadChunk',
  );
  expect(message.subarray(-7, -4).toString()).toBe('abc');
});
