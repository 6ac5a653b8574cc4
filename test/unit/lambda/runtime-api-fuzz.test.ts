import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { FUZZ_SEED, fuzzTimes, randomSource, type RandomSource } from '../../support/fuzz-bytes.js';
import { ask, connectRaw, createTestedApi, ID, until } from './bootstrap-peer.js';

const ROOT = '/2018-06-01/runtime';
const REQUESTS = [
  `GET ${ROOT}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n`,
  `POST ${ROOT}/invocation/${ID}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`,
  `POST ${ROOT}/invocation/${ID}/response HTTP/1.1\r\nHost: x\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n` +
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.X\r\n\r\n',
  `POST ${ROOT}/invocation/${ID}/error HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`,
  `POST ${ROOT}/init/error HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`,
  'PUT /2022-07-01/telemetry HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
  'CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n',
].map((text) => Buffer.from(text));

/** One of the requests with some changes, or noise. */
function hostile(random: RandomSource): Buffer {
  if (random.int(10) === 0) return random.bytes(random.int(300));
  let bytes = Buffer.from(REQUESTS[random.int(REQUESTS.length)] ?? '');
  for (let changes = random.int(4); changes > 0; changes -= 1) {
    const at = random.int(bytes.length + 1);
    const kind = random.int(5);
    if (kind === 0) bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(3), bytes.subarray(at)]);
    else if (kind === 1) bytes = bytes.subarray(0, at);
    else if (kind === 2) bytes = Buffer.concat([bytes, bytes.subarray(at)]);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.int(9))]);
    else bytes.writeUInt8(random.int(256), Math.min(at, bytes.length - 1) * Number(bytes.length > 0));
    if (bytes.length === 0) break;
  }
  return bytes;
}

/** Resolves when the connection is over, or after this time. */
function closed(connection: Duplex, { atMostMs }: { readonly atMostMs: number }): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(over, atMostMs);
    function over(): void {
      clearTimeout(timer);
      connection.off('end', over).off('close', over);
      resolve();
    }
    if (connection.closed || connection.readableEnded) over();
    else connection.on('end', over).on('close', over);
  });
}

const TIMES = fuzzTimes(10_000);

// A failure names its seed: FUZZ_SEED=… runs it again.
test(`${TIMES} hostile requests end nothing, and each event is answered at most once (seed ${FUZZ_SEED})`, async () => {
  const random = randomSource(FUZZ_SEED);
  for (let n = 0; n < TIMES; n += 1) {
    const tested = createTestedApi();
    const next = ask(tested.api, 'GET', 'invocation/next');
    await until(() => tested.api.isReady);
    tested.invoke('{}');
    await next;
    const bytes = hostile(random);
    const { end } = connectRaw(tested.api);
    end.write(bytes);
    if (n % 3 === 0) end.destroy();
    else end.end();
    await closed(end, { atMostMs: 20 });
    const answered = tested.answers.length;
    const { status } = await ask(tested.api, 'POST', `invocation/${ID}/response`, { body: '1' });
    const sent = `seed ${FUZZ_SEED}, request ${n}: ${bytes.toString('latin1')}`;
    if (answered === 0) expect([202, 403], sent).toContain(status);
    else expect([400, 403], sent).toContain(status);
    expect(tested.answers.length, sent).toBeLessThanOrEqual(1);
    tested.api.close();
  }
});
