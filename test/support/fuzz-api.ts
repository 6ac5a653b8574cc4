import type { Duplex } from 'node:stream';

import { hostileAnswer, type RandomSource } from './fuzz-bytes.js';

/** What a Runtime API of broken manners has seen. */
export interface FuzzApi {
  readonly onConnection: (connection: Duplex) => void;
  /** Answers that were wrong. */
  hostile: number;
  /** Events that were given in a right answer, and answered with what belongs to them. */
  right: number;
  /** What the bootstrap did that it must not do. */
  readonly faults: string[];
  /** The bytes that were sent last. */
  lastAnswer: string;
  /** Of the last request; milliseconds since 1970. */
  lastRequestAt: number;
}

/** Wrong answers to `next` that may follow each other: a bootstrap may give up on one that refuses it for ever. */
const MOST_IN_A_ROW = 8;
const ACCEPTED = Buffer.from(
  'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n',
);

/**
 * A Runtime API that answers most requests with hostile bytes and closes, and the others rightly. The function
 * is expected to give its event back.
 */
export function createFuzzApi(random: RandomSource): FuzzApi {
  let inARow = 0;
  let event = 0;
  /** The last right event, until it is answered rightly. */
  let open: string | undefined;
  /** What was sent for `next` last: an id in it is one that may be answered. */
  let lastNext = '';

  const answer = (request: Request): { readonly bytes: Buffer; readonly close: boolean } => {
    api.lastRequestAt = Date.now();
    const isNext = request.line.includes(' /2018-06-01/runtime/invocation/next ');
    if (!isNext) judge(request);
    else if (open !== undefined) api.faults.push(`asked for the next event without an answer to ${open}`);
    const id = `event-${String(isNext ? (event += 1) : event)}`;
    const right = isNext ? nextAnswer(id) : ACCEPTED;
    const isHostile = inARow < MOST_IN_A_ROW && random.int(4) !== 0;
    inARow = isHostile ? inARow + Number(isNext) : isNext ? 0 : inARow;
    const bytes = isHostile ? hostileAnswer(random, right) : right;
    if (isHostile) api.hostile += 1;
    api.lastAnswer = JSON.stringify(bytes.subarray(0, 500).toString('latin1'));
    if (isNext) {
      open = isHostile ? undefined : id;
      lastNext = bytes.toString('latin1');
    }
    return { bytes, close: isHostile };
  };

  const judge = ({ line, body }: Request): void => {
    const [, id = '', kind] =
      /^POST \/2018-06-01\/runtime\/invocation\/([^/ ]+)\/(response|error) /.exec(line) ?? [];
    if (kind === undefined) api.faults.push(`asked for something else: ${line}`);
    else if (!lastNext.includes(id)) api.faults.push(`answered ${id}, which was not its event`);
    else if (open !== undefined) {
      if (id !== open || kind !== 'response' || body !== `{"id":"${open}"}`)
        api.faults.push(`${open} was answered with ${line} ${body.slice(0, 200)}`);
      api.right += 1;
      open = undefined;
      // The same answer may come once more when no answer to it came.
    }
  };

  const api: FuzzApi = {
    hostile: 0,
    right: 0,
    faults: [],
    lastAnswer: '',
    lastRequestAt: Date.now(),
    onConnection: (connection) => {
      let received = '';
      let over = false;
      connection.on('error', () => undefined);
      connection.on('data', (chunk: Buffer) => {
        // Asked before it was seen that nothing more comes here: no answer can be given.
        if (over) return;
        received += chunk.toString('latin1');
        const request = parse(received);
        if (request === undefined) return;
        received = '';
        const { bytes, close } = answer(request);
        over = close;
        if (!close) connection.write(bytes);
        else if (bytes.length === 0) connection.destroy();
        else connection.end(bytes);
      });
      connection.on('end', () => connection.end());
    },
  };
  return api;
}

interface Request {
  readonly line: string;
  readonly body: string;
}

/** Bootstraps wait for an answer before they ask again: there is one request at most. */
function parse(text: string): Request | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const body = text.slice(end + 4);
  if (body.length < length) return undefined;
  return { line: head.slice(0, head.indexOf('\r\n')), body };
}

function nextAnswer(id: string): Buffer {
  const body = `{"id":"${id}"}`;
  return Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: ${id}\r\n` +
      `Lambda-Runtime-Deadline-Ms: 9999999999999\r\nLambda-Runtime-Trace-Id: Root=1-5759e988\r\n` +
      `Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:fuzz\r\n` +
      `Content-Length: ${String(body.length)}\r\n\r\n${body}`,
  );
}
