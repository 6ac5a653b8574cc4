import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Readable, Transform, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { EngineError } from '../../../src/core/errors.js';
import type { Container, ContainerEngine, ContainerSpec } from '../../../src/engine/container-engine.js';
import { parseEngineAddress } from '../../../src/engine/engine-address.js';
import { EngineConnection } from '../../../src/engine/engine-connection.js';
import { TEST_LABEL, containerSpec } from '../../support/container-spec.js';
import { failure } from '../../support/failure.js';
import { realEngine } from '../../support/real-engine.js';
import { readTar, tarOf } from '../../support/tar.js';
import { tinyImage } from '../../support/tiny-image.js';

// The same adapter as in test/contract, against an engine that runs.

/** Only on what this run makes. */
const runLabel = `${TEST_LABEL}.${randomUUID()}`;

let engine: ContainerEngine;
let image: string;
/** Where Podman's socket is known to behave otherwise than Docker's, both are asserted. */
let isPodman: boolean;

beforeAll(async () => {
  engine = await realEngine();
  isPodman = (await engine.info()).name === 'Podman';
  image = await tinyImage(engine);
}, 120_000);

afterAll(async () => {
  expect(await engine.listContainers(runLabel)).toEqual([]);
});

const signal = (): AbortSignal => AbortSignal.timeout(60_000);

function create(changes: Partial<ContainerSpec> = {}): Promise<Container> {
  return engine.createContainer(
    containerSpec({ image, labels: { [TEST_LABEL]: 'docker', [runLabel]: '' }, ...changes }),
  );
}

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
}

/** Runs a started-to-be container to its end. */
async function finish(container: Container, input = ''): Promise<Outcome> {
  const attachment = await container.attach(signal());
  await container.start(signal());
  attachment.stdin.end(input);
  const [stdout, stderr, ended] = await Promise.all([
    text(attachment.stdout),
    text(attachment.stderr),
    container.wait(signal()),
  ]);
  return { stdout, stderr, ...ended };
}

/** Runs a shell script in a container of its own. */
async function shell(script: string, changes: Partial<ContainerSpec> = {}): Promise<Outcome> {
  await using container = await create({ command: ['/bin/sh', '-c', script], ...changes });
  return await finish(container);
}

test('the engine tells what it is and what machine it has', async () => {
  const info = await engine.info();
  expect(info.name).toMatch(/^(Docker|Podman)$/);
  expect(info.version).toMatch(/^\d+\./);
  expect(info.architecture).toMatch(/^(x86_64|aarch64)$/);
  expect(info.cpus).toBeGreaterThan(0);
  expect(info.memoryBytes).toBeGreaterThan(100 << 20);
});

describe('archives', () => {
  const mtime = new Date('2020-01-02T03:04:05Z');
  const entries = [
    { name: 'tree', type: 'directory' as const, mode: 0o750, uid: 1000, gid: 1001, mtime },
    { name: 'tree/program', mode: 0o755, uid: 1234, gid: 4321, mtime, content: '#!/bin/sh\n' },
    { name: 'tree/read-only', mode: 0o400, uid: 0, gid: 0, mtime, content: Buffer.alloc(100_000, 'é') },
    { name: 'tree/link', type: 'symlink' as const, linkname: 'program', uid: 5, gid: 6, mtime },
    { name: 'tree/dangling', type: 'symlink' as const, linkname: '/no/where', mtime },
    { name: `tree/${'long-'.repeat(40)}名`, mode: 0o644, mtime, content: '' },
  ];

  test('go in with owner, mode and links', async () => {
    await using container = await create({
      command: ['/bin/stat', '-c', '%u:%g %a %N', '/data/tree', '/data/tree/program', '/data/tree/link'],
    });
    await container.putArchive('/data', tarOf(entries), signal());
    expect((await finish(container)).stdout.split('\n')).toEqual([
      expect.stringMatching(/^1000:1001 750 /),
      expect.stringMatching(/^1234:4321 755 /),
      expect.stringMatching(/^5:6 777 .*link.* -> .*program/),
      '',
    ]);
  });

  test('come out with owner, mode, time and links', async () => {
    await using container = await create();
    await container.putArchive('/data', tarOf(entries), signal());
    const read = await readTar(await container.getArchive('/data/tree', signal()));
    const found = new Map(read.map((entry) => [entry.name.replace(/\/$/, ''), entry]));
    expect(read[0]?.name).toMatch(/^tree\/?$/);
    expect(found.size).toBe(entries.length);
    for (const { name, type = 'file', uid = 0, gid = 0, linkname = null, content = '', mode } of entries) {
      const actual = found.get(name);
      expect(actual).toMatchObject({ type, linkname, mtime });
      if (mode !== undefined) expect((actual?.mode ?? 0) & 0o7777).toBe(mode);
      expect(actual?.content.equals(Buffer.from(content))).toBe(true);
      // Podman says that all of it belongs to the container's user, whoever owns it.
      expect(actual).toMatchObject(isPodman ? { uid: 1000, gid: 1000 } : { uid, gid });
    }
  });

  test('reach the volumes of a container that has not started', async () => {
    await using container = await create({ command: ['/bin/cat', '/vol/file'], volumes: ['/vol'] });
    await container.putArchive('/vol', tarOf([{ name: 'file', content: 'in a volume' }]), signal());
    expect((await finish(container)).stdout).toBe('in a volume');
  });

  test('of many megabytes pass through', async () => {
    await using container = await create();
    const content = randomBytes(24 << 20);
    await container.putArchive('/data', tarOf([{ name: 'big', content }]), signal());
    const [entry] = await readTar(await container.getArchive('/data/big', signal()));
    expect(entry?.content.equals(content)).toBe(true);
  });

  test('of a path that is missing are an EngineError with status 404', async () => {
    await using container = await create();
    expect((await failure(container.getArchive('/no/such', signal()), EngineError)).statusCode).toBe(404);
    // Podman makes the folder instead.
    const put = container.putArchive('/no/such', tarOf([{ name: 'file' }]), signal());
    if (isPodman) await put;
    else expect((await failure(put, EngineError)).statusCode).toBe(404);
  });

  test('that are not tar are refused', async () => {
    await using container = await create();
    await failure(
      container.putArchive('/data', Readable.from([Buffer.alloc(2000, 'x')]), signal()),
      EngineError,
    );
  });
});

describe('an attached container', () => {
  test('echoes many megabytes from stdin to a slow reader of stdout, byte for byte', async () => {
    await using container = await create({ command: ['/bin/cat'] });
    const { stdin, stdout, stderr } = await container.attach(signal());
    await container.start(signal());
    const sent = createHash('sha256');
    const source = Readable.from(
      (function* () {
        for (let index = 0; index < 192; index += 1) {
          const block = randomBytes(65_536 + index);
          sent.update(block);
          yield block;
        }
      })(),
    );
    const received = createHash('sha256');
    const slowly = new Transform({
      highWaterMark: 1024,
      transform: (chunk: Buffer, _encoding, done) =>
        setTimeout(
          () => {
            done(null, chunk);
          },
          chunk.length > 30_000 ? 2 : 0,
        ),
    });
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        received.update(chunk);
        done();
      },
    });
    await Promise.all([pipeline(source, stdin), pipeline(stdout, slowly, sink), text(stderr)]);
    expect(await container.wait(signal())).toEqual({ exitCode: 0, outOfMemory: false });
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  test('has its stdout and stderr apart', async () => {
    const { stdout, stderr } = await shell('for i in 1 2 3; do echo out$i; echo err$i >&2; done');
    expect({ stdout, stderr }).toEqual({ stdout: 'out1\nout2\nout3\n', stderr: 'err1\nerr2\nerr3\n' });
  });

  test('sees the end of its stdin while its output goes on', async () => {
    const { stdout } = await shell('cat; echo after the end');
    expect(stdout).toBe('after the end\n');
  });

  test('that ends without reading its stdin loses nothing of its output', async () => {
    await using container = await create({
      command: [
        '/bin/sh',
        '-c',
        'head -c 10 >/dev/null; dd if=/dev/zero bs=1k count=150 2>/dev/null; echo last words >&2',
      ],
    });
    const { stdin, stdout, stderr } = await container.attach(signal());
    await container.start(signal());
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536);
      })(),
    );
    const feeding = expect(pipeline(endless, stdin)).rejects.toMatchObject({
      code: 'ERR_STREAM_PREMATURE_CLOSE',
    });
    // A reader that comes late: the output lies in buffers while the writes to stdin fail.
    await container.wait(signal());
    await sleep(200);
    const [out, err] = await Promise.all([buffer(stdout), text(stderr)]);
    expect(out.length).toBe(150 << 10);
    expect(err).toBe('last words\n');
    await feeding;
  });

  test('answers line by line, as a conversation needs', async () => {
    await using container = await create({
      command: ['/bin/sh', '-c', 'while read -r line; do echo "got $line"; done'],
    });
    const { stdin, stdout, stderr } = await container.attach(signal());
    stderr.resume();
    await container.start(signal());
    const answers = stdout.setEncoding('utf8')[Symbol.asyncIterator]();
    for (const line of ['one', 'two', 'three']) {
      stdin.write(`${line}\n`);
      expect(await answers.next()).toMatchObject({ value: `got ${line}\n` });
    }
    stdin.end();
    expect(await answers.next()).toMatchObject({ done: true });
  });
});

describe('the end of a container', () => {
  test.each([0, 1, 7, 255])('gives its exit code %d', async (code) => {
    expect(await shell(`exit ${code}`)).toMatchObject({ exitCode: code, outOfMemory: false });
  });

  test('is seen however fast it comes', async () => {
    for (let round = 0; round < 5; round += 1) {
      await using container = await create({ command: ['/bin/sh', '-c', 'exit 3'] });
      await container.start(signal());
      if (round % 2 === 0) await sleep(300);
      expect(await container.wait(signal())).toMatchObject({ exitCode: 3 });
    }
  });

  test('by a kill is 137, and no lack of memory', async () => {
    await using container = await create();
    await container.start(signal());
    await container.kill();
    expect(await container.wait(signal())).toEqual({ exitCode: 137, outOfMemory: false });
    await container.kill();
  });

  // The engine watches the memory of a container only a moment after its start.
  test('for lack of memory is told', async () => {
    const outcome = await shell('sleep 1; exec dd if=/dev/zero of=/dev/null bs=256M count=1', {
      memoryBytes: 32 << 20,
    });
    expect(outcome).toMatchObject({ exitCode: 137, outOfMemory: true });
  });

  test('for lack of memory of a program that it runs is told as well', async () => {
    const outcome = await shell('sleep 1; dd if=/dev/zero of=/dev/null bs=256M count=1; exit 5', {
      memoryBytes: 32 << 20,
    });
    expect(outcome).toMatchObject({ exitCode: 5, outOfMemory: true });
  });

  test('comes before its start where the program does not exist', async () => {
    await using container = await create({ command: ['/no/such/program'] });
    const error = await failure(container.start(signal()), EngineError);
    expect(error.message).toContain('/no/such/program');
  });
});

describe('what a container may do', () => {
  test('there is no network but the loopback interface', async () => {
    const { stdout } = await shell('ls /sys/class/net; cat /proc/net/route');
    expect(stdout.split('\n')[0]).toBe('lo');
    expect(stdout).not.toMatch(/eth|ens|veth/);
  });

  test('a container that asks for it has the network of the engine', async () => {
    const { stdout } = await shell('ls /sys/class/net', { hasNetwork: true });
    expect(stdout).toMatch(/^eth0$/m);
  });

  test('there are no capabilities and no new privileges, and the user is not root', async () => {
    const { stdout } = await shell('id -u; id -g; cat /proc/self/status', { user: '1234:4321' });
    expect(stdout).toMatch(/^1234\n4321\n/);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect(stdout).toMatch(new RegExp(`^${set}:\\s0+$`, 'm'));
    }
    expect(stdout).toMatch(/^NoNewPrivs:\s1$/m);
  });

  test('there are no more processes than allowed', async () => {
    const { stderr } = await shell('for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 2 & done; echo never', {
      pids: 8,
    });
    expect(stderr).toMatch(/fork/i);
  });

  test('a read-only root can only be written where memory is mounted, up to its size', async () => {
    const { stdout, stderr } = await shell(
      'touch /data/x /x; touch /tmp/x && echo tmp; dd if=/dev/zero of=/tmp/big bs=1M count=9 || echo full; stat -c %a /tmp',
      { readOnlyRoot: true, tmpfs: { '/tmp': 4 << 20 } },
    );
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
    expect(stdout).toBe('tmp\nfull\n1777\n');
  });

  test('programs in a memory file system can be run, but are nobody’s set-uid', async () => {
    const { stdout } = await shell(
      'cat /bin/uname > /tmp/uname; chmod 755 /tmp/uname; /tmp/uname -s; cat /proc/mounts',
      { tmpfs: { '/tmp': 4 << 20 } },
    );
    expect(stdout).toMatch(/^Linux\n/);
    expect(stdout).toMatch(/ \/tmp tmpfs rw,nosuid,nodev,(?!.*noexec)/);
  });

  test('volumes of another container can be read and not written', async () => {
    await using owner = await create({ volumes: ['/opt'] });
    await owner.putArchive(
      '/opt',
      tarOf([{ name: 'layer', mode: 0o777, uid: 1000, content: 'from a volume' }]),
      signal(),
    );
    const outcome = await shell('cat /opt/layer; echo more >> /opt/layer; touch /opt/new', {
      volumesFrom: owner.id,
      readOnlyRoot: true,
    });
    expect(outcome.stdout).toBe('from a volume');
    expect(outcome.stderr.match(/Read-only file system/g)).toHaveLength(2);
  });

  test('environment, working directory and host name are those asked for', async () => {
    const { stdout } = await shell('env; uname -n; ls', {
      env: { SPACES: 'a b  c', EQUALS: 'a=b', EMPTY: '' },
      workingDir: '/etc',
    });
    expect(stdout).toMatch(/^SPACES=a b {2}c$/m);
    expect(stdout).toMatch(/^EQUALS=a=b$/m);
    expect(stdout).toMatch(/^EMPTY=$/m);
    expect(stdout).toMatch(/^layersmith$/m);
    expect(stdout).toMatch(/^passwd$/m);
  });
});

describe('leaving a container’s scope', () => {
  const inspected = z.object({ Mounts: z.array(z.object({ Name: z.string() })) });
  const volumeList = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullable() });

  async function ask<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const connection = await EngineConnection.open(parseEngineAddress(engine.endpoint, { env: process.env }));
    return connection.json({ method: 'GET', path, doing: 'look' }, schema);
  }

  test('removes it and its volumes while it runs, and twice is fine', async () => {
    let id: string;
    let volume: string | undefined;
    {
      await using container = await create({ volumes: ['/vol'] });
      ({ id } = container);
      await container.start(signal());
      volume = (await ask(`/containers/${id}/json`, inspected)).Mounts[0]?.Name;
      expect((await engine.listContainers(runLabel)).map((each) => each.id)).toContain(id);
      expect(((await ask('/volumes', volumeList)).Volumes ?? []).map(({ Name }) => Name)).toContain(volume);
      await container[Symbol.asyncDispose]();
    }
    expect((await engine.listContainers(runLabel)).map((each) => each.id)).not.toContain(id);
    expect(((await ask('/volumes', volumeList)).Volumes ?? []).map(({ Name }) => Name)).not.toContain(volume);
    await engine.removeContainer(id);
  });

  test('several times at once is fine', async () => {
    const container = await create();
    await container.start(signal());
    await Promise.all([1, 2, 3].map(() => engine.removeContainer(container.id)));
  });

  test('on an error removes it too', async () => {
    const scope = async (): Promise<void> => {
      await using container = await create();
      await container.start(signal());
      throw new RangeError('from the scope');
    };
    await failure(scope(), RangeError);
    expect(await engine.listContainers(runLabel)).toEqual([]);
  });

  test('a container is listed with its labels until then', async () => {
    await using container = await create({ labels: { [runLabel]: 'some value' } });
    const summary = (await engine.listContainers(runLabel)).find(({ id }) => id === container.id);
    expect(summary?.labels[runLabel]).toBe('some value');
    expect(Math.abs(Date.now() - (summary?.createdAt.getTime() ?? 0))).toBeLessThan(60_000);
  });
});

describe('an abort', () => {
  test('while waiting rejects with its reason, and the container can still be removed', async () => {
    await using container = await create();
    const abort = new AbortController();
    const { stdout } = await container.attach(abort.signal);
    await container.start(signal());
    const reason = new Error('enough');
    setTimeout(() => {
      abort.abort(reason);
    }, 100);
    await expect(container.wait(abort.signal)).rejects.toBe(reason);
    expect(stdout.errored).toBe(reason);
  });

  test('while a container is made leaves none behind', async () => {
    const reason = new Error('enough');
    const abort = new AbortController();
    const making = engine.createContainer(containerSpec({ image, labels: { [runLabel]: '' } }), abort.signal);
    setTimeout(() => {
      abort.abort(reason);
    }, 5);
    await expect(making).rejects.toBe(reason);
    expect(await engine.listContainers(runLabel)).toEqual([]);
  });

  test('in the middle of an archive rejects with its reason', async () => {
    await using container = await create();
    const abort = new AbortController();
    const endless = new Readable({ read: () => undefined });
    endless.push(Buffer.alloc(512));
    const reason = new Error('enough');
    setTimeout(() => {
      abort.abort(reason);
    }, 50);
    await expect(container.putArchive('/data', endless, abort.signal)).rejects.toBe(reason);
    expect(endless.destroyed).toBe(true);
  });
});

describe('images', () => {
  const tag = `layersmith-test/engine:${randomUUID()}`;
  const value = "a = b, with 'quotes' and spaces";
  /** Podman adds the registry that a short name stands for. */
  const itsTags = [expect.stringMatching(new RegExp(`^(docker.io/|localhost/)?${tag}$`)) as string];

  test('are imported with labels, found by them, looked at and removed', async () => {
    const lines: string[] = [];
    const made = await engine.importImage(tarOf([{ name: 'file', content: tag }]), {
      tag,
      labels: { [runLabel]: value, other: '' },
      signal: signal(),
      onLine: (line) => lines.push(line),
    });
    expect(made.labels).toEqual({ [runLabel]: value, other: '' });
    expect(made.tags).toEqual(itsTags);
    expect(made.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await engine.inspectImage(tag)).toEqual(made);
    expect(await engine.inspectImage(made.id)).toEqual(made);
    expect((await engine.listImages({ key: runLabel })).map(({ id }) => id)).toEqual([made.id]);
    expect(await engine.listImages({ key: runLabel, value })).toMatchObject([{ id: made.id, tags: itsTags }]);
    expect(await engine.listImages({ key: runLabel, value: 'another' })).toEqual([]);
    await engine.removeImage(tag);
    expect(await engine.inspectImage(tag)).toBeUndefined();
    expect((await failure(engine.removeImage(tag), EngineError)).statusCode).toBe(404);
  });

  test('keep labels that a Dockerfile would take for something else, or are refused', async () => {
    const labels = { quotes: '"a" \\ $HOME' };
    const importing = engine.importImage(tarOf([{ name: 'file', content: tag }]), {
      tag,
      labels,
      signal: signal(),
    });
    if (isPodman) {
      await failure(importing, EngineError);
      expect(await engine.inspectImage(tag)).toBeUndefined();
    } else {
      expect((await importing).labels).toEqual(labels);
      await engine.removeImage(tag);
    }
  });

  test('are built with arguments and labels, and what the build prints is told', async () => {
    const lines: string[] = [];
    const dockerfile = `FROM ${image}\nARG WORD\nRUN echo "the word is $WORD"; echo "$WORD" > /word\n`;
    const made = await engine.build(tarOf([{ name: 'Dockerfile.test', content: dockerfile }]), {
      dockerfile: 'Dockerfile.test',
      buildArgs: { WORD: 'grüße' },
      labels: { [runLabel]: value },
      tag,
      signal: signal(),
      onLine: (line) => lines.push(line),
    });
    try {
      expect(made.labels).toMatchObject({ [runLabel]: value });
      expect(made.tags).toEqual(itsTags);
      expect(lines).toContain('the word is grüße');
      expect((await shell('cat /word', { image: made.id })).stdout).toBe('grüße\n');
    } finally {
      await engine.removeImage(made.id);
    }
  });

  test('whose build fails are an EngineError that says what failed', async () => {
    const dockerfile = `FROM ${image}\nRUN echo about to fail; exit 9\n`;
    const lines: string[] = [];
    const building = engine.build(tarOf([{ name: 'Dockerfile', content: dockerfile }]), {
      dockerfile: 'Dockerfile',
      buildArgs: {},
      labels: {},
      tag,
      signal: signal(),
      onLine: (line) => lines.push(line),
    });
    expect((await failure(building, EngineError)).message).toMatch(/exit 9.*9/);
    expect(lines).toContain('about to fail');
  });

  test('that are broken tars are not imported', async () => {
    const importing = engine.importImage(Readable.from([Buffer.alloc(5000, 'x')]), {
      tag,
      labels: {},
      signal: signal(),
    });
    await failure(importing, EngineError);
    expect(await engine.inspectImage(tag)).toBeUndefined();
  });

  test('of a registry that is not there are an EngineError, to pull and to ask for', async () => {
    await failure(engine.pull('127.0.0.1:1/none:1', { signal: signal() }), EngineError);
    const asked = engine.resolveRemoteDigest('127.0.0.1:1/none:1', signal());
    if (isPodman) expect(await asked).toBeUndefined();
    else await failure(asked, EngineError);
  });

  test('that are not there make no container', async () => {
    expect((await failure(create({ image: 'layersmith-test/none:1' }), EngineError)).statusCode).toBe(404);
  });
});
