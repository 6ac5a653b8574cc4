import { randomInt } from 'node:crypto';

/** The seed of this run's fuzz tests: FUZZ_SEED of the environment, else another one each time. A failure must name it. */
export const FUZZ_SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));

/** How often a fuzz test tries: all the times by default, every tenth time with FUZZ_DIVISOR=10, as `npm run test-fast` has it. */
export function fuzzTimes(all: number): number {
  return Math.ceil(all / Number(process.env['FUZZ_DIVISOR'] ?? 1));
}

/** Random choices that the same seed makes again. */
export interface RandomSource {
  /** From 0 up to, and without, the limit. */
  int(limit: number): number;
  bytes(length: number): Buffer;
  pick<T>(list: readonly [T, ...T[]]): T;
}

/** Mulberry32: small, fast, and good enough to be surprising. */
export function randomSource(seed: number): RandomSource {
  let state = seed >>> 0;
  const int = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
  return {
    int,
    bytes: (length) => Buffer.from(Uint8Array.from({ length }, () => int(256))),
    pick: (list) => list[int(list.length)] ?? list[0],
  };
}

/** Some places of it changed: bytes put in, taken out, cut off, repeated. */
export function mutated(random: RandomSource, original: Buffer): Buffer {
  let bytes = Buffer.from(original);
  for (let changes = 1 + random.int(4); changes > 0; changes -= 1) {
    const at = random.int(bytes.length + 1);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const parts = random.pick([
      [before, random.bytes(1 + random.int(4)), after],
      [before],
      [before, after.subarray(random.int(9))],
      [before, after, after],
      [before, Buffer.from(random.pick(INSERTS)), after],
      [before, random.bytes(1), after.subarray(1)],
    ]);
    bytes = Buffer.concat(parts).subarray(0, 1 << 20);
  }
  return bytes;
}

const INSERTS: readonly [string, ...string[]] = [
  '\0',
  '\r\n',
  '\r\n\r\n',
  '\n',
  ':',
  '"',
  '\\u',
  '\\ud800',
  '[[[[',
  '{"a":',
  '99999999999999999999',
  '-',
  '1e999',
  '\xff',
  'ffffffff',
];

const JSON_SEEDS: readonly [string, ...string[]] = [
  '{"name":"World","list":[1,2.5,-0.1,true,null,"",1e300],"nested":{"a b":{"c":[[]]},"":"empty key"}}',
  '"text \\u0000 \\ud83d\\ude00 \\n"',
  '[1,2,3]',
  '12345678901234567890',
  'null',
  '{"Lambda-Runtime-Aws-Request-Id":"x","a":"HTTP/1.1 200 OK\\r\\n\\r\\n"}',
];

const HEADER_SEED =
  'HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: other\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\n\r\n';

/** Bytes as an event: noise, damaged JSON, what looks like HTTP, deep nests; mostly small, some of many KiB. */
export function hostileEvent(random: RandomSource): Buffer {
  switch (random.int(10)) {
    case 0:
      return random.bytes(random.int(300));
    case 1:
      return random.int(10) === 0 ? random.bytes(random.int(65_536)) : Buffer.alloc(random.int(100));
    case 2:
      return mutated(random, Buffer.from(HEADER_SEED));
    case 3: {
      const depth = random.int(random.int(20) === 0 ? 60_000 : 3_000);
      const [open, close] = random.pick([
        ['[', ']'],
        ['{"a":', '}'],
      ] as const);
      return Buffer.from(open.repeat(depth) + (random.int(2) === 0 ? '1' : '') + close.repeat(depth));
    }
    case 4: {
      if (random.int(20) !== 0) return Buffer.from(JSON.stringify(random.bytes(50).toString('latin1')));
      return Buffer.from(`"${'\\u00e4x'.repeat(random.int(150_000))}"`);
    }
    default:
      return mutated(random, Buffer.from(random.pick(JSON_SEEDS)));
  }
}

/** Bytes as an answer of the Runtime API: a right one damaged, or one that is wrong on purpose; no 5xx, which ends a bootstrap. */
export function hostileAnswer(random: RandomSource, right: Buffer): Buffer {
  const bytes = random.int(3) === 0 ? wrongAnswer(random) : mutated(random, right);
  const mayEndIt = /^HTTP\/1\..[^]5/.test(bytes.subarray(0, 10).toString('latin1'));
  return mayEndIt ? hostileAnswer(random, right) : bytes;
}

function wrongAnswer(random: RandomSource): Buffer {
  const status = random.pick([
    '200',
    '202',
    '204',
    '304',
    '100',
    '404',
    '413',
    '000',
    '999',
    '20',
    '2000',
    '-1',
    'abc',
  ]);
  const version = random.pick(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2', 'http/1.1', 'ICY', '']);
  const id = random.pick([
    '',
    'Lambda-Runtime-Aws-Request-Id: bad id\r\n',
    'Lambda-Runtime-Aws-Request-Id: ../../x\r\n',
  ]);
  const rest = random.pick([
    'Content-Length: 5\r\n\r\n{}',
    'Content-Length: 1\r\n\r\n{}',
    'Content-Length: -1\r\n\r\n{}',
    'Content-Length: 99999999999999999999\r\n\r\n{}',
    'Content-Length: 60000000\r\n\r\n{}',
    'Content-Length: 0x10\r\n\r\n{}',
    'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
    'Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n0\r\n\r\n',
    'Transfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n{}',
    'Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n',
    'Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n',
    'Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n',
    `Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(random.int(2_000))}`,
    `X: ${'y'.repeat(random.int(random.int(50) === 0 ? 2_000_000 : 20_000))}\r\n\r\n`,
    `${'A: b\r\n'.repeat(random.int(3_000))}\r\n`,
    '\r\n',
    '',
    '\0\r\n\r\n',
  ]);
  return Buffer.from(`${version} ${status} ${random.pick(['OK', '', '\0'])}\r\n${id}${rest}`, 'latin1');
}
