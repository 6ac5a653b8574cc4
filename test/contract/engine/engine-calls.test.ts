import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { EngineError, EngineUnavailableError, InternalError, UsageError } from '../../../src/core/errors.js';
import type { Container } from '../../../src/engine/container-engine.js';
import { openDockerEngine, type DockerEngine } from '../../../src/engine/docker-engine.js';
import { containerSpec } from '../../support/container-spec.js';
import { failure } from '../../support/failure.js';
import {
  CHUNKED_HEAD,
  CUT,
  END,
  ScriptedEngine,
  answer,
  chunk,
  chunked,
} from '../../support/scripted-engine.js';
import { readTar, tarOf } from '../../support/tar.js';

const signal = AbortSignal.timeout(30_000);

let scripted: ScriptedEngine;
let engine: DockerEngine;
let container: Container;

beforeEach(async () => {
  scripted = await ScriptedEngine.start();
  engine = await openDockerEngine(scripted.address);
  scripted.on('POST /containers/create', answer(201, '{"Id":"c1","Warnings":[]}'), END);
  container = await engine.createContainer(containerSpec({ image: 'x' }));
});

afterEach(() => scripted[Symbol.asyncDispose]());

describe('an HTTP error', () => {
  test.each([
    ['Docker’s JSON', '{"message":"you cannot do that"}', 'you cannot do that'],
    ['Podman’s JSON', '{"cause":"deep","message":"deep: shallow","response":500}', 'deep: shallow'],
    ['plain text', 'Bad Gateway: nobody home\n', 'Bad Gateway: nobody home'],
    ['HTML', '<html><h1>502</h1></html>', '<html><h1>502</h1></html>'],
    ['nothing', '', 'Bad Gateway'],
    ['JSON without a message', '{"oops":1}', '{"oops":1}'],
    ['JSON that is cut', '{"mess', '{"mess'],
  ])('whose body is %s says what it says', async (_name, body, expected) => {
    scripted.on('GET /images/json', answer(502, body), END);
    const error = await failure(engine.listImages({ key: 'a' }), EngineError);
    expect(error.statusCode).toBe(502);
    expect(error.message).toBe(`cannot list images: ${expected} (HTTP 502)`);
  });

  test('whose body breaks off is a lost engine, not a hang', async () => {
    scripted.on('GET /images/json', 'HTTP/1.1 500 X\r\nContent-Length: 100\r\n\r\n{"mess', CUT);
    await failure(engine.listImages({ key: 'a' }), EngineUnavailableError);
  });
});

describe('an answer', () => {
  test('that breaks off is a lost engine, not a hang', async () => {
    scripted.on('GET /images/json', CHUNKED_HEAD, chunk('[{"Id":'), CUT);
    await failure(engine.listImages({ key: 'a' }), EngineUnavailableError);
  });

  test.each([
    ['that is not JSON', 'hello'],
    ['of another shape', '[{"Id":7}]'],
  ])('%s is an EngineError, never a cast', async (_name, body) => {
    scripted.on('GET /images/json', answer(200, body), END);
    const error = await failure(engine.listImages({ key: 'a' }), EngineError);
    expect(error.statusCode).toBeUndefined();
  });

  test('of another shape names the fields', async () => {
    scripted.on('GET /info', answer(200, '{"Architecture":"x86_64","NCPU":"two","MemTotal":1}'), END);
    scripted.on('GET /version', answer(200, '{"Version":"1"}'), END);
    const error = await failure(engine.info(), EngineError);
    expect(error.details['problems']).toEqual([expect.stringContaining('NCPU')]);
  });

  test('that is not HTTP at all is an EngineError that doubts the endpoint', async () => {
    scripted.on('GET /images/json', 'SSH-2.0-OpenSSH_9.2\r\n', END);
    const error = await failure(engine.listImages({ key: 'a' }), EngineError);
    expect(error.hint).toContain(scripted.socketPath);
  });
});

test('an engine that is gone between two calls is unavailable, with a hint what to do', async () => {
  scripted.on('GET /images/json', answer(200, '[]'), END);
  await engine.listImages({ key: 'a' });
  await scripted.kill();
  const error = await failure(engine.listImages({ key: 'a' }), EngineUnavailableError);
  expect(error.message).toContain(`unix://${scripted.socketPath}`);
  expect(error.hint).toContain('DOCKER_HOST');
  expect(error.cause).toMatchObject({ code: expect.stringMatching(/ENOENT|ECONNREFUSED/) as string });
});

test('a connection that is closed without an answer is a lost engine', async () => {
  scripted.on('GET /images/json', CUT);
  const error = await failure(engine.listImages({ key: 'a' }), EngineUnavailableError);
  expect(error.message).toContain('the connection was lost');
});

describe('info', () => {
  test('tells Docker', async () => {
    scripted.on('GET /version', answer(200, '{"Version":"20.10.24","Components":[{"Name":"Engine"}]}'), END);
    scripted.on('GET /info', answer(200, '{"Architecture":"x86_64","NCPU":2,"MemTotal":1024}'), END);
    expect(await engine.info()).toEqual({
      name: 'Docker',
      version: '20.10.24',
      architecture: 'x86_64',
      cpus: 2,
      memoryBytes: 1024,
    });
  });

  test('tells Podman, whose names of architectures are Go’s', async () => {
    scripted.on(
      'GET /version',
      answer(200, '{"Version":"4.3.1","Components":[{"Name":"Podman Engine"}]}'),
      END,
    );
    scripted.on('GET /info', answer(200, '{"Architecture":"arm64","NCPU":2,"MemTotal":1024}'), END);
    expect(await engine.info()).toMatchObject({ name: 'Podman', architecture: 'aarch64' });
  });
});

describe('images', () => {
  test('one that the engine does not have is undefined', async () => {
    scripted.on('GET /images/a/b:1/json', answer(404, '{"message":"No such image: a/b:1"}'), END);
    expect(await engine.inspectImage('a/b:1')).toBeUndefined();
  });

  test('one whose lists are null or missing, as newer engines have them, is read', async () => {
    scripted.on(
      'GET /images/a/json',
      answer(200, `{"Id":"${'a'.repeat(64)}","RepoTags":null,"Size":1}`),
      END,
    );
    expect(await engine.inspectImage('a')).toEqual({
      id: `sha256:${'a'.repeat(64)}`,
      repoDigests: [],
      tags: [],
      labels: {},
      sizeBytes: 1,
      createdAt: new Date(0),
    });
  });

  test('are listed newest first, without the names of those that have none', async () => {
    const image = (id: string, created: number): object => ({
      Id: id,
      RepoTags: ['<none>:<none>'],
      RepoDigests: null,
      Labels: { k: 'v' },
      Size: 1,
      Created: created,
    });
    scripted.on(
      'GET /images/json',
      answer(200, JSON.stringify([image('old', 1), image('new', 3), image('mid', 2)])),
      END,
    );
    const images = await engine.listImages({ key: 'k', value: 'v' });
    expect(images.map(({ id, tags }) => [id, tags])).toEqual([
      ['new', []],
      ['mid', []],
      ['old', []],
    ]);
    const { query } = await scripted.arrived('GET /images/json');
    expect(query.get('filters')).toBe('{"label":["k=v"]}');
  });
});

describe('the digest in the registry', () => {
  const route = 'GET /distribution/example.org/base:1/json';
  const ask = () => engine.resolveRemoteDigest('example.org/base:1', signal);

  test('is what the engine says', async () => {
    scripted.on(route, answer(200, '{"Descriptor":{"digest":"sha256:abc","size":1}}'), END);
    expect(await ask()).toBe('sha256:abc');
  });

  test('of a reference without a tag is that of latest', async () => {
    scripted.on(
      'GET /distribution/base:latest/json',
      answer(200, '{"Descriptor":{"digest":"sha256:abc"}}'),
      END,
    );
    expect(await engine.resolveRemoteDigest('base', signal)).toBe('sha256:abc');
  });

  test.each([
    ['a plain 404, as Podman answers', 404, 'Not Found\n'],
    ['Docker’s word for a path it does not know', 404, '{"message":"page not found"}'],
    [
      'Podman’s word for a path it does not do',
      500,
      '{"message":"Path /distribution/x/json is not supported"}',
    ],
  ])('is undefined where the engine has no such question: %s', async (_name, status, body) => {
    scripted.on(route, answer(status, body), END);
    expect(await ask()).toBeUndefined();
  });

  test.each([
    [404, 'manifest unknown: manifest unknown'],
    [500, 'Get "https://example.org/v2/": dial tcp: lookup example.org: no such host'],
    [401, 'unauthorized: authentication required'],
  ])('is an error that says why when the registry fails with %d', async (status, message) => {
    scripted.on(route, answer(status, JSON.stringify({ message })), END);
    const error = await failure(ask(), EngineError);
    expect(error.statusCode).toBe(status);
    expect(error.message).toContain(message);
  });
});

describe('a container', () => {
  test('is made without network, capabilities, new privileges, or a log', async () => {
    const spec = containerSpec({
      image: 'img',
      command: ['/bin/prog', 'a', 'b'],
      env: { A: '1=2' },
      memoryBytes: 1000,
      pids: 7,
      readOnlyRoot: true,
      tmpfs: { '/tmp': 4096 },
      volumes: ['/opt'],
      volumesFrom: 'other',
    });
    scripted.requests.length = 0;
    await engine.createContainer(spec);
    const { body, query } = await scripted.arrived('POST /containers/create');
    expect(query.has('name')).toBe(false);
    expect(JSON.parse(body.toString())).toMatchObject({
      Image: 'img',
      Entrypoint: ['/bin/prog'],
      Cmd: ['a', 'b'],
      Env: ['A=1=2'],
      User: '1000:1000',
      Tty: false,
      OpenStdin: true,
      StdinOnce: true,
      Volumes: { '/opt': {} },
      HostConfig: {
        NetworkMode: 'none',
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        PidsLimit: 7,
        Memory: 1000,
        MemorySwap: 1000,
        ReadonlyRootfs: true,
        Tmpfs: { '/tmp': 'rw,exec,nosuid,nodev,mode=1777,size=4096' },
        VolumesFrom: ['other:ro'],
        LogConfig: { Type: 'none' },
      },
    });
  });

  test('whose making is aborted is removed again once the engine has made it', async () => {
    let release: () => void = () => undefined;
    const aborted = new Promise<void>((resolve) => (release = resolve));
    scripted
      .on('POST /containers/create', { until: aborted }, { pause: 20 }, answer(201, '{"Id":"c2"}'), END)
      .on('DELETE /containers/c2', 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n', END);
    scripted.requests.length = 0;
    const abort = new AbortController();
    const making = engine.createContainer(containerSpec({ image: 'x' }), abort.signal);
    await scripted.arrived('POST /containers/create');
    const reason = new Error('enough');
    abort.abort(reason);
    release();
    await expect(making).rejects.toBe(reason);
    const { query } = await scripted.arrived('DELETE /containers/c2');
    expect(Object.fromEntries(query)).toEqual({ force: 'true', v: 'true' });
  });

  test.each([
    ['gone', 404, '{"message":"No such container: c1"}'],
    ['going', 409, '{"message":"removal of container c1 is already in progress"}'],
    ['there', 204, ''],
  ])('that is %s already is removed without an error', async (_name, status, body) => {
    const text =
      status === 204 ? 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n' : answer(status, body);
    scripted.on('DELETE /containers/c1', text, END);
    await engine.removeContainer('c1');
    await container[Symbol.asyncDispose]();
  });

  test('that cannot be removed says why', async () => {
    scripted.on(
      'DELETE /containers/c1',
      answer(500, '{"message":"driver failed to remove root filesystem"}'),
      END,
    );
    const error = await failure(engine.removeContainer('c1'), EngineError);
    expect(error.statusCode).toBe(500);
  });

  test('that cannot be removed hides no other error by its removal', async () => {
    scripted.on('DELETE /containers/c1', answer(500, '{"message":"device or resource busy"}'), END);
    const scope = async (): Promise<void> => {
      await using _container = container;
      await Promise.reject(new UsageError('what really happened'));
    };
    await failure(scope(), UsageError);
    expect(scripted.requests.some(({ method }) => method === 'DELETE')).toBe(true);
  });

  test('whose engine is gone hides no other error by its removal', async () => {
    await scripted.kill();
    const scope = async (): Promise<void> => {
      await using _container = container;
      await container.start(signal);
    };
    await failure(scope(), EngineUnavailableError);
  });

  test.each([
    ['has ended', 409, answer(200, '{"State":{"Running":false,"OOMKilled":false}}')],
    ['has ended on Podman', 500, answer(200, '{"State":{"Running":false,"OOMKilled":false}}')],
    ['is gone', 404, answer(404, '{"message":"No such container: c1"}')],
  ])('that %s is killed without an error', async (_name, status, state) => {
    scripted
      .on('POST /containers/c1/kill', answer(status, '{"message":"can only kill running containers"}'), END)
      .on('GET /containers/c1/json', state, END);
    await container.kill();
  });

  test('that runs on when it is killed is an error', async () => {
    scripted
      .on('POST /containers/c1/kill', answer(500, '{"message":"cannot kill"}'), END)
      .on('GET /containers/c1/json', answer(200, '{"State":{"Running":true,"OOMKilled":false}}'), END);
    expect((await failure(container.kill(), EngineError)).message).toContain('cannot kill');
  });

  test('is not waited for before its start', async () => {
    await failure(container.wait(signal), InternalError);
  });

  test('is waited for only once its start was answered, and with a condition that no fast exit escapes', async () => {
    let release: () => void = () => undefined;
    const startAnswered = new Promise<void>((resolve) => (release = resolve));
    scripted
      .on('POST /containers/c1/start', { until: startAnswered }, answer(200, ''), END)
      .on('POST /containers/c1/wait', ...chunked('{"StatusCode":137,"Error":null}\n'))
      .on('GET /containers/c1/json', answer(200, '{"State":{"Running":false,"OOMKilled":true}}'), END);
    const started = container.start(signal);
    const ended = container.wait(signal);
    await scripted.arrived('POST /containers/c1/start');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(scripted.requests.some(({ path }) => path.endsWith('/wait'))).toBe(false);
    release();
    await started;
    expect(await ended).toEqual({ exitCode: 137, outOfMemory: true });
    const { query } = await scripted.arrived('POST /containers/c1/wait');
    expect(query.get('condition')).toBe('not-running');
  });

  describe('whose engine says too late that it ran out of memory', () => {
    const state =
      '{"State":{"Running":false,"OOMKilled":false,"StartedAt":"2026-01-01T00:00:00.123456789Z","FinishedAt":"2026-01-01T00:00:02.5Z"}}';
    const endWith = async (exitCode: number): Promise<unknown> => {
      scripted
        .on('POST /containers/c1/start', answer(200, ''), END)
        .on('POST /containers/c1/wait', ...chunked(`{"StatusCode":${exitCode}}\n`))
        .on('GET /containers/c1/json', answer(200, state), END);
      await container.start(signal);
      return container.wait(signal);
    };

    test('is known by the event', async () => {
      scripted.on('GET /events', ...chunked('{"Action":"oom","id":"c1"}\n'));
      expect(await endWith(5)).toEqual({ exitCode: 5, outOfMemory: true });
      const { query } = await scripted.arrived('GET /events');
      expect(JSON.parse(query.get('filters') ?? '')).toEqual({ container: ['c1'], event: ['oom'] });
      expect(query.get('since')).toBe('2026-01-01T00:00:00.123456789Z');
      expect(query.get('until')).toBe('2026-01-01T00:00:03.500Z');
    });

    test.each([
      ['has none', [CHUNKED_HEAD, '0\r\n\r\n', END] as const],
      ['cannot tell', [answer(500, '{"message":"no events"}'), END] as const],
    ])('has not, if the engine %s', async (_name, steps) => {
      scripted.on('GET /events', ...steps);
      expect(await endWith(5)).toEqual({ exitCode: 5, outOfMemory: false });
    });

    test('is not asked about after a success', async () => {
      expect(await endWith(0)).toEqual({ exitCode: 0, outOfMemory: false });
      expect(scripted.requests.some(({ path }) => path.endsWith('/events'))).toBe(false);
    });
  });

  test.each([
    ['breaks off', [CHUNKED_HEAD, CUT] as const],
    ['ends without a word', chunked()],
  ])(
    'whose engine is lost while it is waited for, so that the answer %s, is an EngineUnavailableError',
    async (_name, steps) => {
      scripted.on('POST /containers/c1/start', answer(200, ''), END).on('POST /containers/c1/wait', ...steps);
      await container.start(signal);
      await failure(container.wait(signal), EngineUnavailableError);
    },
  );

  test('whose wait fails inside the answer is an EngineError', async () => {
    scripted
      .on('POST /containers/c1/start', answer(200, ''), END)
      .on('POST /containers/c1/wait', ...chunked('{"StatusCode":-1,"Error":{"Message":"lost track"}}'));
    await container.start(signal);
    expect((await failure(container.wait(signal), EngineError)).message).toContain('lost track');
  });
});

describe('archives', () => {
  const route = 'GET /containers/c1/archive';

  test('of a path that is missing are an EngineError with status 404', async () => {
    scripted.on(route, answer(404, '{"message":"Could not find the file /nope in container c1"}'), END);
    const error = await failure(container.getArchive('/nope', signal), EngineError);
    expect(error.statusCode).toBe(404);
    expect(error.message).toContain('/nope');
  });

  test('come out whole, in odd chunks', async () => {
    const bytes = await buffer(tarOf([{ name: 'f', content: 'x'.repeat(3000) }]));
    scripted.on(route, ...chunked(bytes.subarray(0, 700), bytes.subarray(700, 4000), bytes.subarray(4000)));
    const entries = await readTar(await container.getArchive('/f', signal));
    expect(entries.map(({ name, content }) => [name, content.length])).toEqual([['f', 3000]]);
  });

  test('that break off fail', async () => {
    scripted.on(route, CHUNKED_HEAD, chunk(Buffer.alloc(1024, 1)), CUT);
    await failure(buffer(await container.getArchive('/f', signal)), EngineUnavailableError);
  });

  test('that the engine ends early, because of an error it can no longer send, fail', async () => {
    const bytes = await buffer(tarOf([{ name: 'f', content: 'x'.repeat(3000) }]));
    scripted.on(route, ...chunked(bytes.subarray(0, 2048), '{"message":"input/output error"}\n'));
    await failure(buffer(await container.getArchive('/f', signal)), EngineError);
  });

  test('that nobody reads can be destroyed, and close the connection', async () => {
    scripted.on(route, CHUNKED_HEAD, chunk(Buffer.alloc(65_536)), { pause: 600_000 });
    const archive = await container.getArchive('/f', signal);
    archive.destroy();
    await expect.poll(() => scripted.openConnections).toBe(0);
  });

  test('that go in end with the engine’s word', async () => {
    scripted.on('PUT /containers/c1/archive', answer(400, '{"message":"unexpected EOF"}'), END);
    const error = await failure(container.putArchive('/opt', Readable.from(['junk']), signal), EngineError);
    expect(error.statusCode).toBe(400);
    const { query, body } = await scripted.arrived('PUT /containers/c1/archive');
    expect(query.get('path')).toBe('/opt');
    expect(body.toString()).toBe('junk');
  });
});

describe('an abort', () => {
  const never = [{ pause: 600_000 }] as const;
  const endlessBody = (): Readable => new Readable({ read: () => undefined });

  const calls: readonly [string, string, (signal: AbortSignal) => Promise<unknown>][] = [
    ['info', 'GET /info', (s) => engine.info(s)],
    ['inspectImage', 'GET /images/x/json', (s) => engine.inspectImage('x', s)],
    ['listImages', 'GET /images/json', (s) => engine.listImages({ key: 'x' }, s)],
    ['resolveRemoteDigest', 'GET /distribution/x:latest/json', (s) => engine.resolveRemoteDigest('x', s)],
    ['pull', 'POST /images/create', (s) => engine.pull('x', { signal: s })],
    [
      'build',
      'POST /build',
      (s) => engine.build(tarOf([]), { signal: s, tag: 'x', dockerfile: 'D', buildArgs: {}, labels: {} }),
    ],
    [
      'importImage',
      'POST /images/create',
      (s) => engine.importImage(tarOf([]), { signal: s, tag: 'x', labels: {} }),
    ],
    ['removeImage', 'DELETE /images/x', (s) => engine.removeImage('x', s)],
    ['listContainers', 'GET /containers/json', (s) => engine.listContainers('x', s)],
    ['putArchive', 'PUT /containers/c1/archive', (s) => container.putArchive('/', tarOf([]), s)],
    ['getArchive', 'GET /containers/c1/archive', (s) => container.getArchive('/', s)],
    ['attach', 'POST /containers/c1/attach', (s) => container.attach(s)],
    ['start', 'POST /containers/c1/start', (s) => container.start(s)],
    [
      'wait',
      'POST /containers/c1/wait',
      async (s) => {
        scripted.on('POST /containers/c1/start', answer(200, ''), END);
        await container.start(signal);
        return container.wait(s);
      },
    ],
  ];

  test.each(calls)('of %s rejects with its reason and closes the connection', async (_name, route, run) => {
    scripted.on(route, ...never);
    if (route === 'GET /info') scripted.on('GET /version', ...never);
    const abort = new AbortController();
    const reason = new Error('enough');
    const call = run(abort.signal);
    call.catch(() => undefined);
    await scripted.arrived(route);
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect.poll(() => scripted.openConnections).toBe(0);
  });

  test.each(calls)('before %s sends nothing', async (_name, route, run) => {
    scripted.requests.length = 0;
    const reason = new Error('too late');
    await expect(run(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(scripted.requests.filter(({ method, path }) => `${method} ${path}` === route)).toEqual([]);
  });

  test.each([
    ['pull', () => ['POST /images/create', (s: AbortSignal) => engine.pull('x', { signal: s })] as const],
    [
      'getArchive',
      () =>
        [
          'GET /containers/c1/archive',
          async (s: AbortSignal) => buffer(await container.getArchive('/', s)),
        ] as const,
    ],
  ])('in the middle of the answer of %s rejects with its reason', async (_name, make) => {
    const [route, run] = make();
    scripted.on(route, CHUNKED_HEAD, chunk('{"status":"x"}\n'), ...never);
    const abort = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => {
      abort.abort(reason);
    }, 50);
    await expect(run(abort.signal)).rejects.toBe(reason);
  });

  test('while a body is being sent destroys the body', async () => {
    scripted.leaveBody('PUT /containers/c1/archive').on('PUT /containers/c1/archive', ...never);
    const abort = new AbortController();
    const body = endlessBody();
    body.push('x');
    const call = container.putArchive('/', body, abort.signal);
    call.catch(() => undefined);
    await scripted.arrived('PUT /containers/c1/archive');
    abort.abort(new Error('enough'));
    await expect(call).rejects.toBe(abort.signal.reason);
    await expect.poll(() => body.destroyed).toBe(true);
  });

  test('whose reason is no Error still rejects with one', async () => {
    const error = await failure(engine.listImages({ key: 'x' }, AbortSignal.abort('because')), Error);
    expect(error.cause).toBe('because');
  });
});
