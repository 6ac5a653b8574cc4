import { Readable } from 'node:stream';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { EngineError, EngineUnavailableError } from '../../../src/core/errors.js';
import { openDockerEngine, type DockerEngine } from '../../../src/engine/docker-engine.js';
import { ProgressLines, readProgress, type ProgressFrame } from '../../../src/engine/ndjson-progress.js';
import { failure } from '../../support/failure.js';
import {
  CHUNKED_HEAD,
  CUT,
  END,
  LAST_CHUNK,
  ScriptedEngine,
  answer,
  chunk,
  chunked,
  type Step,
} from '../../support/scripted-engine.js';
import { tarOf } from '../../support/tar.js';

const ID = `sha256:${'a'.repeat(64)}`;
const INSPECTED = JSON.stringify({
  Id: ID,
  RepoTags: ['made:1'],
  RepoDigests: null,
  Size: 7,
  Created: '2026-01-02T03:04:05.123456789Z',
  Config: { Labels: null },
});
const signal = AbortSignal.timeout(30_000);
const IN_STREAM_ERROR = '{"errorDetail":{"code":1,"message":"no space left on device"},"error":"no space"}\n';

let scripted: ScriptedEngine;
let engine: DockerEngine;

beforeEach(async () => {
  scripted = await ScriptedEngine.start();
  engine = await openDockerEngine(scripted.address);
  for (const name of ['made:1', ID]) scripted.on(`GET /images/${name}/json`, answer(200, INSPECTED), END);
});

afterEach(() => scripted[Symbol.asyncDispose]());

const tar = (): Readable => tarOf([{ name: 'Dockerfile', content: 'FROM scratch\n' }]);

/** The three calls that answer with a progress stream. */
const calls = [
  {
    name: 'pull',
    route: 'POST /images/create',
    success: '{"status":"Status: Downloaded newer image"}\n',
    run: (onLine?: (line: string) => void) => engine.pull('made:1', { signal, ...(onLine && { onLine }) }),
  },
  {
    name: 'import',
    route: 'POST /images/create',
    success: `{"status":"${ID}"}\n`,
    run: (onLine?: (line: string) => void) =>
      engine.importImage(tar(), { tag: 'made:1', labels: {}, signal, ...(onLine && { onLine }) }),
  },
  {
    name: 'build',
    route: 'POST /build',
    success: `{"stream":"Step 1/1"}\n{"aux":{"ID":"${ID}"}}\n`,
    run: (onLine?: (line: string) => void) =>
      engine.build(tar(), {
        dockerfile: 'Dockerfile',
        buildArgs: {},
        labels: {},
        tag: 'made:1',
        signal,
        ...(onLine && { onLine }),
      }),
  },
] as const;

describe.each(calls)('$name', ({ name, route, success, run }) => {
  const play = (...steps: readonly Step[]): void => {
    scripted.on(route, ...steps);
  };

  test('gives the image that the engine made', async () => {
    play(...chunked(success));
    expect(await run()).toEqual({
      id: ID,
      tags: ['made:1'],
      repoDigests: [],
      labels: {},
      sizeBytes: 7,
      createdAt: new Date('2026-01-02T03:04:05.123Z'),
    });
  });

  test('takes an error inside the stream for a failure, although HTTP said 200', async () => {
    play(...chunked('{"status":"working"}\n', IN_STREAM_ERROR));
    const error = await failure(run(), EngineError);
    expect(error.message).toBe(`cannot ${name} made:1: no space left on device`);
    expect(error.exitCode).toBe(69);
  });

  test('takes an error frame without a line end, in pieces, for a failure', async () => {
    play(...chunked('{"err', 'or":"ca', 'n not"}'));
    expect((await failure(run(), EngineError)).message).toContain('can not');
  });

  test('fails when the stream breaks off', async () => {
    play(CHUNKED_HEAD, chunk('{"status":"working"}\n'), CUT);
    await failure(run(), EngineUnavailableError);
  });

  test('fails when the connection closes before the last chunk', async () => {
    play(CHUNKED_HEAD, chunk(success), END);
    await failure(run(), EngineUnavailableError);
  });

  test('fails when the stream breaks off before its first byte', async () => {
    play(CUT);
    await failure(run(), EngineUnavailableError);
  });

  test('fails on something that is not JSON, and shows it', async () => {
    play(...chunked('<html>proxy</html>\n'));
    expect((await failure(run(), EngineError)).message).toContain('<html>proxy</html>');
  });

  test('fails on JSON that is not an object', async () => {
    play(...chunked('["working"]\n'));
    await failure(run(), EngineError);
  });

  test('fails when the engine says that it is done but has no such image', async () => {
    play(...chunked(success));
    for (const reference of ['made:1', ID]) {
      scripted.on(`GET /images/${reference}/json`, answer(404, '{"message":"no such image"}'), END);
    }
    expect((await failure(run(), EngineError)).message).toContain('the image does not exist');
  });

  test('says what an HTTP error says', async () => {
    play(answer(500, '{"message":"toomanyrequests: slow down"}'), END);
    const error = await failure(run(), EngineError);
    expect(error.statusCode).toBe(500);
    expect(error.message).toContain('toomanyrequests: slow down');
  });

  test('copes with several frames in a chunk and a character cut in two', async () => {
    const bytes = Buffer.from(`{"status":"Grüße → 你好"}\r\n\r\n{"status":"zwei"}\n${success}`);
    const cuts = [bytes.indexOf('ü') + 1, bytes.indexOf('→') + 1, bytes.indexOf('好') + 2];
    const pieces = [0, ...cuts].map((start, index) => bytes.subarray(start, cuts[index] ?? bytes.length));
    play(...chunked(...pieces));
    const lines: string[] = [];
    await run((line) => lines.push(line));
    expect(lines.slice(0, 2)).toEqual(['Grüße → 你好', 'zwei']);
  });
});

test('an answer may come while the body is still being sent', async () => {
  let release: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => (release = resolve));
  async function* slow(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(512, 1);
    await answered;
    yield Buffer.alloc(200_000, 2);
  }
  let received = 0;
  scripted.leaveBody('POST /images/create').onRequest('POST /images/create', async (request, connection) => {
    connection.write(CHUNKED_HEAD);
    connection.write(chunk('{"status":"Importing"}\n'));
    release();
    for await (const part of request.message) received += (part as Buffer).length;
    connection.write(chunk(`{"status":"${ID}"}\n`));
    connection.end(LAST_CHUNK);
  });
  await engine.importImage(Readable.from(slow()), { tag: 'made:1', labels: {}, signal });
  expect(received).toBe(200_512);
});

test.each([
  ['import', () => engine.importImage(broken(), { tag: 'made:1', labels: {}, signal })],
  [
    'build',
    () => engine.build(broken(), { dockerfile: 'D', buildArgs: {}, labels: {}, tag: 'made:1', signal }),
  ],
])('%s rejects with the error of the stream that it was given, untranslated', async (_name, run) => {
  await expect(run()).rejects.toMatchObject({ code: 'ENOENT', message: 'the disk of the caller' });
});

test('a body that is destroyed halfway ends the call', async () => {
  const body = new Readable({ read: () => undefined });
  body.push(Buffer.alloc(100));
  const importing = engine.importImage(body, { tag: 'made:1', labels: {}, signal });
  setTimeout(() => body.destroy(), 20);
  await expect(importing).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
});

test('the body is destroyed when the engine refuses before reading it', async () => {
  scripted.leaveBody('POST /build').on('POST /build', answer(400, '{"message":"bad context"}'), END);
  const body = new Readable({ read: () => undefined });
  body.push(Buffer.alloc(100));
  const error = await failure(
    engine.build(body, { dockerfile: 'D', buildArgs: {}, labels: {}, tag: 'made:1', signal }),
    EngineError,
  );
  expect(error.statusCode).toBe(400);
  await expect.poll(() => body.destroyed).toBe(true);
});

test('build sends its arguments, labels and tag to the classic builder', async () => {
  scripted.on('POST /build', ...chunked(`{"aux":{"ID":"${ID}"}}\n`));
  await engine.build(tar(), {
    dockerfile: 'Dockerfile.x',
    buildArgs: { BASE: 'a b&c' },
    labels: { key: 'va=lue' },
    tag: 'made:1',
    platform: 'linux/arm64',
    signal,
  });
  const { query, headers, body } = await scripted.arrived('POST /build');
  expect(Object.fromEntries(query)).toMatchObject({
    version: '1',
    dockerfile: 'Dockerfile.x',
    buildargs: '{"BASE":"a b&c"}',
    labels: '{"key":"va=lue"}',
    t: 'made:1',
    forcerm: 'true',
    platform: 'linux/arm64',
  });
  expect(headers['content-type']).toBe('application/tar');
  expect(body.includes('FROM scratch')).toBe(true);
});

test('build that ends well without naming an image is an error, as the tag may be of an older one', async () => {
  scripted.on('POST /build', ...chunked('{"stream":"Step 1/1"}\n'));
  const building = engine.build(tar(), { dockerfile: 'D', buildArgs: {}, labels: {}, tag: 'made:1', signal });
  expect((await failure(building, EngineError)).message).toContain('without naming an image');
});

test('import fails when the engine does not keep a label as it is', async () => {
  scripted
    .on('POST /images/create', ...chunked(`{"status":"${ID}"}\n`))
    .on('DELETE /images/made:1', answer(200, '[]'), END);
  const importing = engine.importImage(tar(), { tag: 'made:1', labels: { a: '$b' }, signal });
  const error = await failure(importing, EngineError);
  expect(error.details).toEqual({ wanted: '$b', kept: '' });
  await scripted.arrived('DELETE /images/made:1');
});

test('import sends its labels as quoted instructions', async () => {
  const labels = { 'a.b': 'it "costs" $5 \\', c: '' };
  const inspected = JSON.stringify({ Id: ID, Size: 7, Config: { Labels: labels } });
  scripted
    .on('POST /images/create', ...chunked(`{"status":"${ID}"}\n`))
    .on(`GET /images/${ID}/json`, answer(200, inspected), END);
  await engine.importImage(tar(), {
    tag: 'localhost:5000/made:1',
    labels,
    platform: 'linux/arm64',
    signal,
  });
  const { query } = await scripted.arrived('POST /images/create');
  expect(query.getAll('changes')).toEqual(['LABEL "a.b"="it \\"costs\\" \\$5 \\\\"', 'LABEL "c"=""']);
  expect(query.get('repo')).toBe('localhost:5000/made:1');
  expect(query.get('fromSrc')).toBe('-');
  expect(query.get('platform')).toBe('linux/arm64');
});

test.each([
  ['public.ecr.aws/lambda/provided:al2023', 'public.ecr.aws/lambda/provided', 'al2023'],
  ['localhost:5000/base', 'localhost:5000/base', 'latest'],
  ['debian', 'debian', 'latest'],
  [`base:1@sha256:${'b'.repeat(64)}`, 'base', `sha256:${'b'.repeat(64)}`],
])('pull of %s asks for one image, not for every tag', async (reference, fromImage, tag) => {
  scripted.on('POST /images/create', ...chunked('{"error":"enough"}\n'));
  await failure(engine.pull(reference, { signal }), EngineError);
  const { query } = await scripted.arrived('POST /images/create');
  expect(Object.fromEntries(query)).toEqual({ fromImage, tag });
});

test('a reference that is no reference is refused without asking the engine', async () => {
  await failure(engine.pull('what is this?', { signal }), EngineError);
  expect(scripted.requests).toEqual([]);
});

test('a line without an end is refused before it fills the memory', async () => {
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) {
      yield Buffer.alloc(1 << 20, 'x');
      await Promise.resolve();
    }
  }
  await failure(drain(readProgress(endless(), 'pull')), EngineError);
});

test('frames read byte by byte are the same frames', async () => {
  const bytes = Buffer.from('{"status":"Grüße","id":"层"}\n{"stream":"a\\n"}\n{"aux":{"ID":"x"}}');
  const frames = await drain(readProgress(Readable.from([...bytes].map((byte) => Buffer.of(byte))), 'pull'));
  expect(frames).toEqual([
    { status: 'Grüße', id: '层', stream: undefined, imageId: undefined },
    { status: undefined, id: undefined, stream: 'a\n', imageId: undefined },
    { status: undefined, id: undefined, stream: undefined, imageId: 'x' },
  ]);
});

test('progress lines tell a layer’s state once, and build output line by line', () => {
  const lines: string[] = [];
  const progress = new ProgressLines((line) => lines.push(line));
  const none: ProgressFrame = {
    status: undefined,
    id: undefined,
    stream: undefined,
    imageId: undefined,
    digest: undefined,
  };
  for (const status of ['Downloading', 'Downloading', 'Extracting'])
    progress.add({ ...none, status, id: 'l1' });
  for (const stream of ['Step ', '1/2\n\nh', 'alf']) progress.add({ ...none, stream });
  progress.end();
  progress.end();
  expect(lines).toEqual(['l1: Downloading', 'l1: Extracting', 'Step 1/2', 'half']);
});

function broken(): Readable {
  return new Readable({
    read() {
      this.destroy(Object.assign(new Error('the disk of the caller'), { code: 'ENOENT' }));
    },
  });
}

async function drain<T>(source: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}
