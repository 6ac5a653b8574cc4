import { describe, expect, test } from 'vitest';
import type { ResponseSink } from '../../../src/lambda/invocation.js';
import { ask, connectRaw, createTestedApi, ID, until, type TestedApi } from './bootstrap-peer.js';

const STREAMING = { 'Lambda-Runtime-Function-Response-Mode': 'streaming' };

/** An API whose bootstrap has an event, and whose invoker takes a stream. */
async function running(sink?: ResponseSink): Promise<TestedApi> {
  const tested = createTestedApi();
  void ask(tested.api, 'GET', 'invocation/next');
  await until(() => tested.api.isReady);
  tested.invoke('{}', sink === undefined ? {} : { sink });
  await until(() => !tested.api.isReady);
  return tested;
}

function collect(): ResponseSink & { readonly text: () => string; readonly types: unknown[] } {
  const chunks: Buffer[] = [];
  const types: unknown[] = [];
  return {
    types,
    begin: ({ contentType }) => types.push(contentType),
    write: (bytes) => {
      chunks.push(Buffer.from(bytes));
      return Promise.resolve();
    },
    text: () => Buffer.concat(chunks).toString(),
  };
}

function head(headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ Host: 'x', ...STREAMING, ...headers }).map(([n, v]) => `${n}: ${v}\r\n`);
  return `POST /2018-06-01/runtime/invocation/${ID}/response HTTP/1.1\r\n${lines.join('')}\r\n`;
}

describe('a streamed response', () => {
  test('goes to the sink as it comes, its type first', async () => {
    const sink = collect();
    const { api, answers } = await running(sink);
    const { end } = connectRaw(api);
    end.write(`${head({ 'Content-Type': 'text/html', 'Transfer-Encoding': 'chunked' })}3\r\none\r\n`);
    await until(() => sink.text() === 'one');
    expect(sink.types).toEqual(['text/html']);
    expect(answers).toEqual([]);
    end.write('3\r\ntwo\r\n0\r\n\r\n');
    await until(() => answers.length > 0);
    expect(sink.text()).toBe('onetwo');
    expect(answers).toEqual([
      {
        payload: Buffer.alloc(0),
        contentType: 'text/html',
        streamed: true,
        error: undefined,
        reported: true,
      },
    ]);
  });

  test('may be longer than a buffered one', async () => {
    let length = 0;
    const { api, answers } = await running({
      begin: () => undefined,
      write: (bytes) => {
        length += bytes.length;
        return Promise.resolve();
      },
    });
    const body = Buffer.alloc(20 * 1024 ** 2);
    const path = `invocation/${ID}/response`;
    expect((await ask(api, 'POST', path, { body, headers: STREAMING })).status).toBe(202);
    expect(length).toBe(body.length);
    expect(answers).toMatchObject([{ streamed: true, error: undefined }]);
  });

  test('comes no faster than the sink takes it', async () => {
    let release = (): void => undefined;
    let written = 0;
    const { api, answers } = await running({
      begin: () => undefined,
      write: async (bytes) => {
        written += bytes.length;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      },
    });
    const { end } = connectRaw(api);
    end.write(head({ 'Content-Length': '40' }));
    for (let n = 0; n < 4; n += 1) end.write('0123456789');
    await until(() => written > 0);
    const before = written;
    for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBe(before);
    while (answers.length === 0) {
      release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).toBe(40);
  });

  test('without a sink is kept, and is bound to the limit', async () => {
    const { api, answers } = await running();
    const path = `invocation/${ID}/response`;
    await ask(api, 'POST', path, { body: 'all of it', headers: STREAMING });
    expect(answers).toMatchObject([{ payload: Buffer.from('all of it'), streamed: true, error: undefined }]);
    const other = await running();
    const body = Buffer.alloc(7 * 1024 ** 2);
    expect((await ask(other.api, 'POST', path, { body, headers: STREAMING })).status).toBe(413);
  });

  test('that fails in the middle tells its error in the trailers', async () => {
    const sink = collect();
    const { api, answers } = await running(sink);
    const error = { errorType: 'Function.Broke', errorMessage: 'in the middle', stackTrace: ['there'] };
    const trailers = {
      'Lambda-Runtime-Function-Error-Type': 'Function.Broke',
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(error)).toString('base64'),
    };
    const headers = {
      ...STREAMING,
      'Transfer-Encoding': 'chunked',
      Trailer: Object.keys(trailers).join(', '),
    };
    const path = `invocation/${ID}/response`;
    expect((await ask(api, 'POST', path, { body: 'half', headers, trailers })).status).toBe(202);
    expect(sink.text()).toBe('half');
    expect(answers).toMatchObject([{ streamed: true, error, reported: true }]);
  });

  test('that is cut off is an error', async () => {
    const sink = collect();
    const { api, answers } = await running(sink);
    const { end, received } = connectRaw(api);
    end.write(`${head({ 'Transfer-Encoding': 'chunked' })}3\r\none\r\n`);
    await until(() => sink.text() === 'one');
    end.end();
    await until(() => answers.length > 0 && end.readableEnded);
    expect(answers).toMatchObject([{ streamed: true, error: { errorType: 'Runtime.TruncatedResponse' } }]);
    expect(received()).toContain('TruncatedHTTPRequest');
  });

  test('is read to its end although the sink fails', async () => {
    for (const failing of ['begin', 'write'] as const) {
      const { api, answers } = await running({
        begin: () => {
          if (failing === 'begin') throw new Error('no');
        },
        write: () => Promise.reject(new Error('the invoker is gone')),
      });
      const path = `invocation/${ID}/response`;
      const body = Buffer.alloc(200_000);
      expect((await ask(api, 'POST', path, { body, headers: STREAMING })).status).toBe(202);
      expect(answers).toMatchObject([{ streamed: true, error: undefined }]);
    }
  });
});
