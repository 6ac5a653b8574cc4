import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Container } from '../../src/engine/container-engine.js';
import { startFunctionContainer } from '../../src/lambda/function-container.js';
import { functionEnvironment, relayCommand } from '../../src/lambda/function-environment.js';
import { createRelayPeer, type RelayPeer } from './lambda-relay-peer.js';

const signal = new AbortController().signal;

/** A container in which the test itself is the relay and the bootstrap. */
function createFakeContainer() {
  const peer = createRelayPeer({ autoCredit: true });
  const stderr = new PassThrough();
  let exit: (status: { exitCode: number; outOfMemory: boolean }) => void = () => undefined;
  const exited = new Promise<{ exitCode: number; outOfMemory: boolean }>((resolve) => {
    exit = resolve;
  });
  // As the relay does when its input ends.
  peer.stdin.on('end', () => {
    end({ exitCode: 137, outOfMemory: false });
  });
  const end = (status: { exitCode: number; outOfMemory: boolean }): void => {
    peer.stdout.end();
    stderr.end();
    exit(status);
  };
  const container: Container = {
    id: 'fake',
    putArchive: () => Promise.resolve(),
    getArchive: () => Promise.reject(new Error('not needed')),
    attach: () => Promise.resolve({ stdin: peer.stdin, stdout: peer.stdout, stderr }),
    start: () => Promise.resolve(),
    wait: (abort) =>
      Promise.race([
        exited,
        new Promise<never>((_resolve, reject) => {
          abort.addEventListener('abort', () => {
            reject(new Error('aborted'));
          });
        }),
      ]),
    kill: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { container, peer, stderr, end };
}

async function startFunction(container: Container, log: string[] = []) {
  return startFunctionContainer({
    container,
    signal,
    onLog: (line) => log.push(line),
    now: Date.now,
    newRequestId: () => 'request-1',
    functionArn: 'arn',
    timeoutMs: 5000,
    initTimeoutMs: 5000,
  });
}

function say(peer: RelayPeer, text: string): void {
  peer.send({ type: 'data', connection: 1, payload: Buffer.from(text) });
}

describe('a function in a container', () => {
  test('is invoked through the relay and the Runtime API', async () => {
    const { container, peer } = createFakeContainer();
    await using running = await startFunction(container);
    peer.send({ type: 'open', connection: 1 });
    say(peer, 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n');
    await running.ready();
    const result = running.invoke('{"name":"World"}');
    await peer.until(() => peer.dataOf(1).includes('{"name":"World"}'));
    say(
      peer,
      'POST /2018-06-01/runtime/invocation/request-1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi',
    );
    expect(await result).toMatchObject({ kind: 'response', body: Buffer.from('hi') });
  });

  test('that ends rejects with its status and the last lines of its log', async () => {
    const { container, stderr, end } = createFakeContainer();
    const log: string[] = [];
    await using running = await startFunction(container, log);
    const rejected = expect(running.invoke('{}')).rejects.toMatchObject({
      kind: 'exited',
      message: 'the bootstrap ended with status 3',
      details: { 'last lines of its log': ['Grüße', 'and the end'] },
    });
    const bytes = Buffer.from('Grüße\nand the end');
    stderr.write(bytes.subarray(0, 3));
    await delay(5);
    stderr.write(bytes.subarray(3));
    end({ exitCode: 3, outOfMemory: false });
    await rejected;
    expect(log).toEqual(['Grüße', 'and the end']);
  });

  test('that was killed for its memory says so', async () => {
    const { container, end } = createFakeContainer();
    await using running = await startFunction(container);
    end({ exitCode: 137, outOfMemory: true });
    await expect(running.invoke('{}')).rejects.toThrow(/memory limit/);
  });

  test('that sent its answer just before it ended has answered', async () => {
    const { container, peer, end } = createFakeContainer();
    await using running = await startFunction(container);
    const result = running.invoke('{}');
    peer.send({ type: 'open', connection: 1 });
    say(peer, 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n');
    await peer.until(() => peer.dataOf(1).includes('200 OK'));
    say(
      peer,
      'POST /2018-06-01/runtime/invocation/request-1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nlast',
    );
    end({ exitCode: 0, outOfMemory: false });
    expect(await result).toMatchObject({ body: Buffer.from('last') });
  });

  test('that is left is stopped, and its last lines are still logged', async () => {
    const { container, peer, stderr } = createFakeContainer();
    const log: string[] = [];
    {
      await using running = await startFunction(container, log);
      expect(running.logTail).toEqual([]);
      stderr.write('the last line');
    }
    expect(peer.stdin.writableEnded).toBe(true);
    expect(log).toEqual(['the last line']);
  });
});

describe('the environment of a function', () => {
  test('has what Lambda sets, whatever the function sets', () => {
    const env = functionEnvironment({
      handler: 'hello',
      functionName: 'greeter',
      memoryMb: 128,
      region: 'eu-west-1',
      env: { _HANDLER: 'other', STAGE: 'test' },
    });
    expect(env).toMatchObject({
      _HANDLER: 'hello',
      STAGE: 'test',
      LAMBDA_TASK_ROOT: '/var/task',
      AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
    });
    expect(env).not.toHaveProperty('_X_AMZN_TRACE_ID');
  });

  test('points at the port that the relay is told to listen on', () => {
    expect(relayCommand('/layersmith/relay')).toEqual(['/layersmith/relay', '9001', '/opt/bootstrap']);
  });
});
