import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { sha256 } from '../../../src/core/digest.js';
import { EngineUnavailableError, UsageError } from '../../../src/core/errors.js';
import type { ContainerEngine } from '../../../src/engine/container-engine.js';
import { parseEngineAddress } from '../../../src/engine/engine-address.js';
import {
  EngineNotFoundError,
  findEngine,
  usualSockets,
  type EngineSearch,
} from '../../../src/engine/find-engine.js';
import { asNobody } from '../../support/as-nobody.js';
import { containerSpec } from '../../support/container-spec.js';
import { failure } from '../../support/failure.js';
import { END, ScriptedEngine, UPGRADED, answer, frame, play } from '../../support/scripted-engine.js';

type Environment = Readonly<Record<string, string | undefined>>;

const tlsFiles = new URL('../../support/tls/', import.meta.url);

let home: string;
let cleanups: (() => Promise<unknown>)[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'find-'));
  cleanups = [() => rm(home, { recursive: true, force: true })];
});

afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** A search on a machine whose files are all below the test's folder. */
const search = (env: Environment = {}): EngineSearch => ({
  env,
  homeDir: home,
  machineSockets: machineSockets(),
});

function find(env: Environment = {}, signal?: AbortSignal): Promise<ContainerEngine> {
  return findEngine({ ...search(env), ...(signal && { signal }) });
}

const machineSockets = () => ({
  docker: join(home, 'var/docker.sock'),
  podman: join(home, 'run/podman.sock'),
});

async function scriptedEngine(
  options?: Parameters<typeof ScriptedEngine.startTcp>[0],
): Promise<ScriptedEngine> {
  const engine = await (options === undefined ? ScriptedEngine.start() : ScriptedEngine.startTcp(options));
  cleanups.push(() => engine[Symbol.asyncDispose]());
  return engine;
}

/** Something at a path that answers a ping; the scripted engine's socket is in a folder of its own. */
async function engineAt(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.end(answer(200, 'OK')));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
}

/** A socket that takes connections and never says a word. */
async function silentAt(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
}

/** A socket file that a killed engine left behind. */
async function deadAt(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const { execFile } = await import('node:child_process');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await new Promise((resolve) => execFile(process.execPath, ['-e', script], resolve));
}

async function write(path: string, content: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
}

/** A Docker context, as `docker context create` writes it. */
async function context(name: string, docker: object, configDir = join(home, '.docker')): Promise<void> {
  const path = join(configDir, 'contexts/meta', sha256(name), 'meta.json');
  await write(path, { Name: name, Metadata: {}, Endpoints: { docker } });
}

describe('the usual sockets', () => {
  test('are tried in order, and the first that answers wins', async () => {
    await engineAt(join(home, '.colima/default/docker.sock'));
    await engineAt(join(home, '.docker/run/docker.sock'));
    expect((await find()).endpoint).toBe(`unix://${home}/.docker/run/docker.sock`);
  });

  test.each([
    ['/var/run/docker.sock', 'var/docker.sock'],
    ['rootless Docker', 'xdg/docker.sock'],
    ['Docker Desktop on a Mac', '.docker/run/docker.sock'],
    ['Docker Desktop on Linux', '.docker/desktop/docker.sock'],
    ['Colima', '.colima/default/docker.sock'],
    ['rootless Podman', 'xdg/podman/podman.sock'],
    ['Podman', 'run/podman.sock'],
  ])('include that of %s', async (_name, path) => {
    await engineAt(join(home, path));
    const engine = await find({ XDG_RUNTIME_DIR: join(home, 'xdg') });
    expect(engine.endpoint).toBe(`unix://${home}/${path}`);
  });

  test('of this machine are the real ones', () => {
    const sockets = usualSockets({ env: { XDG_RUNTIME_DIR: '/run/user/7' }, homeDir: '/home/a' });
    expect(sockets).toEqual([
      '/var/run/docker.sock',
      '/run/user/7/docker.sock',
      '/home/a/.docker/run/docker.sock',
      '/home/a/.docker/desktop/docker.sock',
      '/home/a/.colima/default/docker.sock',
      '/run/user/7/podman/podman.sock',
      '/run/podman/podman.sock',
    ]);
  });

  test('give one error, with each address and its reason, if none answers', async () => {
    await deadAt(machineSockets().docker);
    await write(join(home, '.docker/run/docker.sock'), 'not a socket');
    const error = await failure(find(), EngineNotFoundError);
    expect(error).toBeInstanceOf(EngineUnavailableError);
    expect(error.exitCode).toBe(69);
    expect(error.configuredBy).toBeUndefined();
    expect(error.hint).toContain('DOCKER_HOST');
    expect(error.details).toEqual({
      [`unix://${home}/var/docker.sock`]: 'connection refused',
      [`unix://${home}/.docker/run/docker.sock`]: expect.stringMatching(
        /connection refused|not a socket/,
      ) as string,
      [`unix://${home}/.docker/desktop/docker.sock`]: 'the socket does not exist',
      [`unix://${home}/.colima/default/docker.sock`]: 'the socket does not exist',
      [`unix://${home}/run/podman.sock`]: 'the socket does not exist',
    });
  });

  test(
    'that this user may not open are named, with how to be allowed; no other engine is looked for',
    { tags: 'system' },
    async () => {
      await engineAt(machineSockets().docker);
      await chmod(machineSockets().docker, 0o600);
      await chmod(home, 0o755);
      const error = await asNobody(() => failure(find(), EngineNotFoundError));
      expect(error.message).toContain(`unix://${machineSockets().docker}`);
      expect(error.details[`unix://${machineSockets().docker}`]).toBe('permission denied');
      expect(error.hint).toMatch(/group .*docker.*sudo/s);
      expect(error.configuredBy).toBeDefined();
    },
  );

  test('that never answer are waited for in parallel', async () => {
    await silentAt(machineSockets().docker);
    await silentAt(join(home, '.docker/run/docker.sock'));
    await engineAt(machineSockets().podman);
    const started = performance.now();
    const found = await findEngine({ ...search(), pingSeconds: { socket: 1, tcp: 10, ssh: 10 } });
    const seconds = (performance.now() - started) / 1000;
    expect(found.endpoint).toBe(`unix://${machineSockets().podman}`);
    expect(seconds).toBeGreaterThan(0.99);
    expect(seconds).toBeLessThan(1.9);
  });

  test('that never answer are reported with the time limit', async () => {
    await silentAt(machineSockets().docker);
    const error = await failure(
      findEngine({ ...search(), pingSeconds: { socket: 0.2, tcp: 10, ssh: 10 } }),
      EngineNotFoundError,
    );
    expect(error.details[`unix://${machineSockets().docker}`]).toBe('no answer in 0.2 s');
  });

  test('that answer something else are not used', async () => {
    const engine = await scriptedEngine();
    engine.on('GET /_ping', answer(200, '<html>hello</html>'), END);
    const error = await failure(
      findEngine({
        env: {},
        homeDir: home,
        machineSockets: { docker: engine.socketPath, podman: '/nonexistent' },
      }),
      EngineNotFoundError,
    );
    expect(error.details[`unix://${engine.socketPath}`]).toContain('is not a container engine');
  });

  test('are not tried any more once the search is aborted', async () => {
    await silentAt(machineSockets().docker);
    const reason = new UsageError('enough');
    const abort = new AbortController();
    setTimeout(() => {
      abort.abort(reason);
    }, 50);
    await expect(find({}, abort.signal)).rejects.toBe(reason);
  });
});

describe('DOCKER_HOST', () => {
  test('is used before everything else', async () => {
    const engine = await scriptedEngine();
    await engineAt(machineSockets().docker);
    await context('other', { Host: 'unix:///nonexistent' });
    const found = await find({ DOCKER_HOST: `unix://${engine.socketPath}`, DOCKER_CONTEXT: 'other' });
    expect(found.endpoint).toBe(`unix://${engine.socketPath}`);
  });

  test.each([
    ['tcp://127.0.0.1', '127.0.0.1'],
    ['http://localhost', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.1'],
    ['tcp://[::1]', '::1'],
  ])('may be %s', async (prefix, host) => {
    const engine = await scriptedEngine({ host });
    engine.on('GET /images/json', answer(200, '[]'), END);
    const found = await find({ DOCKER_HOST: `${prefix}:${engine.port}` });
    expect(await found.listImages({ key: 'x' })).toEqual([]);
  });

  test('that is empty counts as not set', async () => {
    await engineAt(machineSockets().docker);
    expect((await find({ DOCKER_HOST: '' })).endpoint).toBe(`unix://${machineSockets().docker}`);
  });

  test('that does not answer is an error with its reason; the usual sockets are not tried', async () => {
    await engineAt(machineSockets().docker);
    const error = await failure(find({ DOCKER_HOST: 'unix:///nonexistent/x.sock' }), EngineNotFoundError);
    expect(error.configuredBy).toBe('DOCKER_HOST');
    expect(error.message).toContain('unix:///nonexistent/x.sock that DOCKER_HOST names');
    expect(error.hint).toContain('DOCKER_HOST');
    expect(error.details).toEqual({ 'unix:///nonexistent/x.sock': 'the socket does not exist' });
  });

  test.each([
    'ftp://host',
    'tcp://',
    'unix://',
    '/var/run/docker.sock',
    'tcp://host:99999',
    'ssh://-oProxyCommand=x',
  ])('that is invalid is an error: %s', async (host) => {
    const error = await failure(find({ DOCKER_HOST: host }), EngineNotFoundError);
    expect(error.configuredBy).toBe('DOCKER_HOST');
    expect(error.message).toContain(host);
  });

  test.each([
    ['unix:///a/b.sock', { kind: 'socket', path: '/a/b.sock' }],
    ['npipe:////./pipe/docker_engine', { kind: 'socket', path: '//./pipe/docker_engine' }],
    ['tcp://host', { kind: 'tcp', host: 'host', port: 2375 }],
    ['host:1', { kind: 'tcp', host: 'host', port: 1, endpoint: 'tcp://host:1' }],
    ['http://host/', { kind: 'tcp', host: 'host', port: 80 }],
    ['https://host', { kind: 'tcp', host: 'host', port: 443, tls: { verify: true } }],
    ['https://host:8443', { kind: 'tcp', host: 'host', port: 8443 }],
    ['ssh://me@host:22', { kind: 'ssh', destination: ['-l', 'me', '-p', '22', 'host'] }],
    ['ssh://host', { kind: 'ssh', destination: ['host'] }],
  ])('%s is parsed', (text, expected) => {
    expect(parseEngineAddress(text, { env: {} })).toMatchObject(expected);
  });

  test('tcp with TLS has another default port, and http has none', () => {
    const tls = { verify: true };
    expect(parseEngineAddress('tcp://host', { tls, env: {} })).toMatchObject({ port: 2376, tls });
    expect(parseEngineAddress('http://host', { tls, env: {} })).not.toHaveProperty('tls');
  });
});

describe('TLS', () => {
  /** A folder as DOCKER_CERT_PATH wants it. */
  async function certPath(
    path: string,
    names: readonly string[] = ['ca.pem', 'cert.pem', 'key.pem'],
  ): Promise<string> {
    await mkdir(path, { recursive: true });
    for (const name of names) {
      await writeFile(join(path, name), await readFile(new URL(name.replace('ca', 'cert'), tlsFiles)));
    }
    return path;
  }

  async function tlsEngine(): Promise<ScriptedEngine> {
    const cert = await readFile(new URL('cert.pem', tlsFiles));
    const key = await readFile(new URL('key.pem', tlsFiles));
    return scriptedEngine({ tls: { cert, key, ca: cert, requestCert: true, rejectUnauthorized: true } });
  }

  test('with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH both sides check each other', async () => {
    const engine = await tlsEngine();
    engine.on('GET /images/json', answer(200, '[]'), END);
    const found = await find({
      DOCKER_HOST: `tcp://localhost:${engine.port}`,
      DOCKER_TLS_VERIFY: '1',
      DOCKER_CERT_PATH: await certPath(join(home, 'certs')),
    });
    expect(await found.listImages({ key: 'x' })).toEqual([]);
  });

  test('the certificates are those of ~/.docker by default', async () => {
    const engine = await tlsEngine();
    await certPath(join(home, '.docker'));
    await find({ DOCKER_HOST: `tcp://localhost:${engine.port}`, DOCKER_TLS_VERIFY: '1' });
  });

  test('an engine with an untrusted certificate is refused, with a hint', async () => {
    const engine = await tlsEngine();
    const DOCKER_CERT_PATH = await certPath(join(home, 'certs'), ['cert.pem', 'key.pem']);
    const error = await failure(
      find({ DOCKER_HOST: `tcp://localhost:${engine.port}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH }),
      EngineNotFoundError,
    );
    expect(error.message).toContain('no trusted TLS connection');
    expect(error.hint).toContain('DOCKER_CERT_PATH');
  });

  test('DOCKER_TLS alone encrypts without checking the certificate', async () => {
    const engine = await tlsEngine();
    const DOCKER_CERT_PATH = await certPath(join(home, 'certs'), ['cert.pem', 'key.pem']);
    await find({ DOCKER_HOST: `tcp://localhost:${engine.port}`, DOCKER_TLS: '1', DOCKER_CERT_PATH });
  });

  test('a context brings its own certificates', async () => {
    const engine = await tlsEngine();
    await context('remote', { Host: `tcp://localhost:${engine.port}`, SkipTLSVerify: false });
    await certPath(join(home, '.docker/contexts/tls', sha256('remote'), 'docker'));
    await find({ DOCKER_CONTEXT: 'remote' });
  });

  test('a context with SkipTLSVerify does not check the engine', async () => {
    const engine = await tlsEngine();
    await context('remote', { Host: `tcp://localhost:${engine.port}`, SkipTLSVerify: true });
    await certPath(join(home, '.docker/contexts/tls', sha256('remote'), 'docker'), ['cert.pem', 'key.pem']);
    await find({ DOCKER_CONTEXT: 'remote' });
  });

  test('an engine without TLS is an error that says so', async () => {
    const engine = await scriptedEngine({});
    await failure(
      find({ DOCKER_HOST: `tcp://localhost:${engine.port}`, DOCKER_TLS_VERIFY: '1' }),
      EngineNotFoundError,
    );
  });
});

describe('a Docker context', () => {
  test('of DOCKER_CONTEXT is used', async () => {
    const engine = await scriptedEngine();
    await context('mine', { Host: `unix://${engine.socketPath}` });
    expect((await find({ DOCKER_CONTEXT: 'mine' })).endpoint).toBe(`unix://${engine.socketPath}`);
  });

  test('that is the current one in config.json is used', async () => {
    const engine = await scriptedEngine();
    await context('mine', { Host: `unix://${engine.socketPath}` });
    await write(join(home, '.docker/config.json'), { auths: {}, currentContext: 'mine' });
    expect((await find()).endpoint).toBe(`unix://${engine.socketPath}`);
  });

  test('is read from DOCKER_CONFIG', async () => {
    const engine = await scriptedEngine();
    const DOCKER_CONFIG = join(home, 'elsewhere');
    await context('mine', { Host: `unix://${engine.socketPath}` }, DOCKER_CONFIG);
    await write(join(DOCKER_CONFIG, 'config.json'), { currentContext: 'mine' });
    expect((await find({ DOCKER_CONFIG })).endpoint).toBe(`unix://${engine.socketPath}`);
  });

  test.each([{ DOCKER_CONTEXT: 'default' }, {}])(
    'called default means the usual sockets: %j',
    async (env) => {
      await write(join(home, '.docker/config.json'), {
        currentContext: 'DOCKER_CONTEXT' in env ? 'gone' : 'default',
      });
      await engineAt(machineSockets().docker);
      expect((await find(env)).endpoint).toBe(`unix://${machineSockets().docker}`);
    },
  );

  test('that does not answer is an error with its name; the usual sockets are not tried', async () => {
    await engineAt(machineSockets().docker);
    await deadAt(join(home, 'dead.sock'));
    await context('mine', { Host: `unix://${home}/dead.sock` });
    await write(join(home, '.docker/config.json'), { currentContext: 'mine' });
    const error = await failure(find(), EngineNotFoundError);
    expect(error.configuredBy).toContain('the Docker context `mine`');
    expect(error.configuredBy).toContain('.docker/config.json');
    expect(error.message).toContain('connection refused');
  });

  test.each([
    ['does not exist', undefined],
    ['is not JSON', '{"Endpoints'],
    ['has no Docker endpoint', '{"Endpoints":{"kubernetes":{}}}'],
    ['has a host that makes no sense', '{"Endpoints":{"docker":{"Host":"gopher://x"}}}'],
  ])('that %s is an error that names it', async (_name, content) => {
    if (content !== undefined)
      await write(join(home, '.docker/contexts/meta', sha256('mine'), 'meta.json'), content);
    const error = await failure(find({ DOCKER_CONTEXT: 'mine' }), EngineNotFoundError);
    expect(error.configuredBy).toBe('the Docker context `mine` (DOCKER_CONTEXT)');
  });

  test('in an invalid config.json is an error', async () => {
    await engineAt(machineSockets().docker);
    await write(join(home, '.docker/config.json'), '{"currentContext": ');
    const error = await failure(find(), EngineNotFoundError);
    expect(error.configuredBy).toBe(join(home, '.docker/config.json'));
  });

  test('is not used if config.json names none', async () => {
    await engineAt(machineSockets().docker);
    await write(join(home, '.docker/config.json'), { credsStore: 'x' });
    await find();
  });
});

describe('ssh', () => {
  /** An `ssh` that runs what it is told on this machine; `docker system dial-stdio` is netcat to the script. */
  async function fakeSsh(body: string): Promise<string> {
    const dir = join(home, 'bin');
    await write(join(dir, 'ssh'), `#!/bin/sh\necho "$@" > '${home}/arguments'\n${body}\n`);
    await chmod(join(dir, 'ssh'), 0o755);
    return `${dir}:${process.env['PATH'] ?? ''}`;
  }

  test('uses the user’s own ssh command', async () => {
    const engine = await scriptedEngine();
    engine.on('GET /images/json', answer(200, '[]'), END);
    const dial = `const s = require('net').connect('${engine.socketPath}'); process.stdin.pipe(s); s.pipe(process.stdout)`;
    const PATH = await fakeSsh(`exec '${process.execPath}' -e "${dial}"`);
    const found = await find({ DOCKER_HOST: 'ssh://me@far.example:2222', PATH });
    expect(found.endpoint).toBe('ssh://me@far.example:2222');
    expect(await found.listImages({ key: 'x' })).toEqual([]);
    const args = await readFile(join(home, 'arguments'), 'utf8');
    expect(args).toContain('-l me -p 2222 far.example docker system dial-stdio');
  });

  test('carries an attached container, whose stdin ends before its output', async () => {
    const engine = await scriptedEngine();
    engine
      .on('POST /containers/create', answer(201, '{"Id":"c1"}'), END)
      .onRequest('POST /containers/c1/attach', async ({ query }, connection) => {
        connection.write(UPGRADED);
        if (query.has('stdin')) heard = buffer(connection);
        else await play(connection.resume(), [{ pause: 100 }, frame(1, 'after'), END]);
      });
    let heard: Promise<Buffer> | undefined;
    // Like the real one it ends with what it is connected to, also while its stdin is open.
    const dial = `const s = require('net').connect({ path: '${engine.socketPath}', allowHalfOpen: true }); process.stdin.pipe(s); s.on('data', (d) => process.stdout.write(d)).on('end', () => setTimeout(process.exit, 20))`;
    const PATH = await fakeSsh(`exec '${process.execPath}' -e "${dial}"`);
    const found = await find({ DOCKER_HOST: 'ssh://far.example', PATH });
    const container = await found.createContainer(containerSpec({ image: 'x' }));
    const { stdin, stdout, stderr } = await container.attach(AbortSignal.timeout(20_000));
    stderr.resume();
    stdin.end('hello');
    expect(await text(stdout)).toBe('after');
    expect((await heard)?.toString()).toBe('hello');
  });

  test("that fails is reported with ssh's own message", async () => {
    const PATH = await fakeSsh('echo "Host key verification failed." >&2; exit 255');
    const error = await failure(find({ DOCKER_HOST: 'ssh://far.example', PATH }), EngineNotFoundError);
    expect(error.message).toContain('Host key verification failed.');
    expect(error.hint).toContain('far.example');
  });

  test('that is not installed is an error that says so', async () => {
    const error = await failure(find({ DOCKER_HOST: 'ssh://far.example', PATH: home }), EngineNotFoundError);
    expect(error.hint).toContain('ssh client');
  });
});
