import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { LayerError } from '../../../src/core/errors.js';
import { openDeflater, type Deflater } from '../../../src/tree/deflate.js';

/** Bytes that no deflate makes smaller, the same in every run. */
function noise(length: number, seed: string): Buffer {
  return createHash('shake256', { outputLength: length }).update(seed).digest();
}

function deflated(deflater: Deflater, bytes: Uint8Array): Buffer {
  deflater.input(bytes.length).set(bytes);
  return Buffer.from(deflater.deflate());
}

/** Pieces of noise, of one byte repeated and of what came before: blocks of every type and length. */
function mixture(length: number, seed: string): Buffer {
  const choices = noise(4 * 4096, seed);
  const pieces: Buffer[] = [];
  let sum = 0;
  for (let at = 0; sum < length; at = (at + 4) % choices.length) {
    const size = choices.readUInt16LE(at) + 1;
    const kind = choices.readUInt8(at + 2) % 4;
    const piece =
      kind === 0
        ? Buffer.alloc(size, choices.readUInt8(at + 3))
        : kind === 1
          ? (pieces[choices.readUInt8(at + 3) % Math.max(1, pieces.length)] ?? noise(size, seed))
          : noise(size, `${seed} ${sum}`);
    pieces.push(piece);
    sum += piece.length;
  }
  return Buffer.concat(pieces).subarray(0, length);
}

describe('what is deflated comes back when it is inflated', () => {
  // Around the shortest block (5,000), the longest stored one (65,535) and the longest of all (305,000).
  const sizes = [1, 18, 19, 20, 4_999, 5_000, 9_999, 65_535, 65_536, 299_999, 305_000, 2_000_000];

  test.each(sizes)('%i bytes of noise, which need more room than they had', async (size) => {
    const bytes = noise(size, 'noise');
    const result = deflated(await openDeflater(), bytes);
    expect(result.length).toBeGreaterThan(size);
    expect(inflateRawSync(result).equals(bytes)).toBe(true);
  });

  test('mixtures, one after another in one deflater, larger and smaller', async () => {
    const deflater = await openDeflater();
    for (const [index, size] of [700_000, 3_000_000, 10, 1_500_000, 40_000, 2_999_999].entries()) {
      const bytes = mixture(size, `mixture ${index}`);
      expect(inflateRawSync(deflated(deflater, bytes)).equals(bytes)).toBe(true);
    }
  });

  test('matches that lie as far back as they may', async () => {
    // Each piece comes again almost 32 KiB later, when the output has overwritten the start of the input.
    const piece = noise(32_767, 'far');
    const bytes = Buffer.concat(Array.from({ length: 64 }, () => piece));
    const result = deflated(await openDeflater(), bytes);
    expect(result.length).toBeLessThan(bytes.length / 10);
    expect(inflateRawSync(result).equals(bytes)).toBe(true);
  });
});

test('the bytes are those of libdeflate 1.25 at level 9', async () => {
  const hash = createHash('sha256');
  const deflater = await openDeflater();
  for (const size of [1, 20, 65_536, 1_000_000, 3_000_000])
    hash.update(deflated(deflater, mixture(size, 'pin')));
  expect(hash.digest('hex')).toMatchInlineSnapshot(
    `"a398633a395cea7bfa66db30757ba53b3ee83211d4d1737075ccbff8b9673df8"`,
  );
});

test('two deflaters at once do not share their memory', async () => {
  const [one, other] = [await openDeflater(), await openDeflater()];
  const [first, second] = [mixture(100_000, 'first'), mixture(100_000, 'second')];
  one.input(first.length).set(first);
  other.input(second.length).set(second);
  const result = Buffer.from(one.deflate());
  expect(inflateRawSync(result).equals(first)).toBe(true);
  expect(inflateRawSync(Buffer.from(other.deflate())).equals(second)).toBe(true);
});

test('the memory grows by little more than the input', async () => {
  const deflater = await openDeflater();
  const room = deflater.input(64 * 1024 ** 2);
  expect(room.buffer.byteLength - room.length).toBeLessThan(3 * 1024 ** 2);
});

test('more than 4 GB cannot be deflated, and says how much it was', async () => {
  const deflater = await openDeflater();
  expect(() => deflater.input(2 ** 32 - 1)).toThrow(LayerError);
  expect(() => deflater.input(2 ** 32 - 1)).toThrow(/4294967295/);
});
