import type { Readable } from 'node:stream';
import type { z } from 'zod';

import { EngineError, EngineUnavailableError, InternalError } from '../core/errors.js';
import { checkedArchive } from './archive-check.js';
import { makeAttachment } from './attachment.js';
import type { Attachment, Container, ContainerSpec } from './container-engine.js';
import { containerSchema, waitSchema } from './engine-answers.js';
import { lostConnection } from './translate-error.js';
import { noAnswer, parseAnswer, type EngineCall, type EngineConnection } from './engine-connection.js';

/** An engine that takes longer to remove a container counts as hanging. */
const REMOVE_SECONDS = 60;
/** On a machine with twenty programs a core, the event came up to 0.4 s after the container's end. */
const LATE_EVENT_MS = 1000;

/** Returns the body of `POST /containers/create` for a spec: no capabilities, no new privileges, and no network by default. */
export function createRequest(spec: ContainerSpec): Readonly<Record<string, unknown>> {
  const [program, ...args] = spec.command;
  return {
    Image: spec.image,
    // As the entry point, since images may define their own, as AWS's do.
    Entrypoint: [program],
    Cmd: args,
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    WorkingDir: spec.workingDir,
    User: spec.user,
    Labels: spec.labels,
    // The default is part of the container's id, and some packages compile the host name in.
    Hostname: spec.hostname ?? 'layersmith',
    Volumes: Object.fromEntries(spec.volumes.map((path) => [path, {}])),
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    HostConfig: {
      NetworkMode: spec.hasNetwork === true ? 'bridge' : 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: spec.pids,
      Memory: spec.memoryBytes,
      MemorySwap: spec.memoryBytes,
      ReadonlyRootfs: spec.readOnlyRoot,
      Tmpfs: Object.fromEntries(
        // Docker's default is noexec. Lambda's /tmp is not noexec, and builds run what they compile.
        Object.entries(spec.tmpfs).map(([path, size]) => [
          path,
          `rw,exec,nosuid,nodev,mode=1777,size=${size}`,
        ]),
      ),
      ...(spec.volumesFrom === undefined ? {} : { VolumesFrom: [`${spec.volumesFrom}:ro`] }),
      // The output goes to the attachment; a copy of it would fill the engine's disk.
      LogConfig: { Type: 'none' },
    },
  };
}

/** A container that is controlled through the Engine API. */
export class DockerContainer implements Container {
  readonly id: string;
  readonly #connection: EngineConnection;
  #started: Promise<void> | undefined;

  constructor(connection: EngineConnection, id: string) {
    this.#connection = connection;
    this.id = id;
  }

  async putArchive(path: string, archive: Readable, signal: AbortSignal): Promise<void> {
    await this.#connection.text({
      ...this.#call('PUT', '/archive', `put files into ${path}`, signal),
      query: { path },
      body: archive,
    });
  }

  async getArchive(path: string, signal: AbortSignal): Promise<Readable> {
    const call: EngineCall = { ...this.#call('GET', '/archive', `get ${path} out`, signal), query: { path } };
    const answer = await this.#connection.stream(call);
    return checkedArchive(answer, { translate: (error) => this.#connection.translate(error, call) });
  }

  async attach(signal: AbortSignal): Promise<Attachment> {
    const call = this.#call('POST', '/attach', 'attach to a container', signal);
    const inputOpens = this.#connection.upgrade({ ...call, query: { stream: '1', stdin: '1' } });
    const outputOpens = this.#connection.upgrade({
      ...call,
      query: { stream: '1', stdout: '1', stderr: '1' },
    });
    const [input, output] = await Promise.allSettled([inputOpens, outputOpens]);
    if (input.status === 'fulfilled' && output.status === 'fulfilled') {
      return makeAttachment({
        input: input.value,
        output: output.value,
        signal,
        ping: () => ping(this.#connection, 'read the output of a container', signal),
        translate: (error) =>
          this.#connection.translate(error, { doing: 'read the output of a container', signal }),
      });
    }
    for (const half of [input, output]) if (half.status === 'fulfilled') half.value.destroy();
    throw input.status === 'rejected'
      ? input.reason
      : output.status === 'rejected'
        ? output.reason
        : undefined;
  }

  start(signal: AbortSignal): Promise<void> {
    const started = this.#connection.text(this.#call('POST', '/start', 'start a container', signal));
    this.#started = started.then(() => undefined);
    return this.#started;
  }

  /**
   * Waits with the condition `not-running` after `start` has been answered, so that a container that has already ended is
   * reported at once. With `next-exit` the request would wait forever for a container that ended before it, and with
   * `not-running` before the start it would take the created container for one that has ended.
   */
  async wait(signal: AbortSignal): Promise<{ readonly exitCode: number; readonly outOfMemory: boolean }> {
    if (this.#started === undefined)
      throw new InternalError('cannot wait for a container that was not started');
    await this.#started;
    const doing = 'wait for a container';
    const text = await this.#connection.text({
      ...this.#call('POST', '/wait', doing, signal),
      query: { condition: 'not-running' },
    });
    // The engine sends the headers at once, so an engine that shuts down can end the answer without a body.
    if (text === '')
      throw this.#connection.translate(lostConnection('the answer is empty'), { doing, signal });
    const { StatusCode: exitCode, Error: failure } = parseAnswer(text, waitSchema, doing);
    const complaint = failure?.Message ?? '';
    if (complaint !== '') throw new EngineError(`cannot ${doing}: ${complaint}`);
    const { State: state } = await this.#connection.json(
      this.#call('GET', '/json', doing, signal),
      containerSchema,
    );
    const outOfMemory = state.OOMKilled || (exitCode !== 0 && (await this.#ranOutOfMemory(state, signal)));
    return { exitCode, outOfMemory };
  }

  /**
   * Asks for the event that a container ran out of memory, for a second after its end. Docker up to 20.10 does not set OOMKilled
   * if it hears of that after the end. An engine that has no such event, as Podman, knows it by OOMKilled alone.
   */
  async #ranOutOfMemory(
    { StartedAt, FinishedAt }: z.infer<typeof containerSchema>['State'],
    signal: AbortSignal,
  ): Promise<boolean> {
    if (StartedAt === undefined || FinishedAt === undefined) return false;
    const call: EngineCall = {
      method: 'GET',
      path: '/events',
      query: {
        filters: JSON.stringify({ container: [this.id], event: ['oom'] }),
        since: StartedAt,
        until: new Date(Date.parse(FinishedAt) + LATE_EVENT_MS).toISOString(),
      },
      doing: 'look for a lack of memory',
      signal,
    };
    try {
      for await (const chunk of (await this.#connection.stream(call)) as AsyncIterable<Buffer>)
        if (chunk.toString().trim() !== '') return true;
      return false;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }

  async kill(): Promise<void> {
    const signal = AbortSignal.timeout(REMOVE_SECONDS * 1000);
    try {
      await this.#connection.text(this.#call('POST', '/kill', 'kill a container', signal));
    } catch (error) {
      if (signal.aborted) throw noAnswer(this.#connection.endpoint, REMOVE_SECONDS);
      if (!(error instanceof EngineError && (await this.#hasEnded(signal)))) throw error;
    }
  }

  /** Reports whether the container has ended or was removed. Engines answer a kill of such a container in different ways. */
  async #hasEnded(signal: AbortSignal): Promise<boolean> {
    try {
      const call = this.#call('GET', '/json', 'look at a container', signal);
      return !(await this.#connection.json(call, containerSchema)).State.Running;
    } catch (error) {
      if (error instanceof EngineError && error.statusCode === 404) return true;
      throw error;
    }
  }

  /**
   * Removes the container. If that fails, no error is thrown, since it would hide the error that ended the scope. The
   * next run removes the container.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await removeContainer(this.#connection, this.id).catch((error: unknown) => {
      if (!(error instanceof EngineError || error instanceof EngineUnavailableError)) throw error;
    });
  }

  #call(method: EngineCall['method'], path: string, doing: string, signal: AbortSignal): EngineCall {
    return { method, path: `/containers/${this.id}${path}`, doing, signal };
  }
}

/** Kills and removes a container with its anonymous volumes. One that no longer exists, or is being removed, is not an error. */
export async function removeContainer(connection: EngineConnection, id: string): Promise<void> {
  const signal = AbortSignal.timeout(REMOVE_SECONDS * 1000);
  try {
    await connection.text({
      method: 'DELETE',
      path: `/containers/${encodeURIComponent(id)}`,
      query: { force: 'true', v: 'true' },
      doing: 'remove a container',
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw noAnswer(connection.endpoint, REMOVE_SECONDS);
    const status = error instanceof EngineError ? error.statusCode : undefined;
    const isGoing = status === 409 && error instanceof Error && /in progress/.test(error.message);
    if (status !== 404 && !isGoing) throw error;
  }
}

/** Resolves if the engine answers. */
export async function ping(connection: EngineConnection, doing: string, signal?: AbortSignal): Promise<void> {
  const text = await connection.text({ method: 'GET', path: '/_ping', doing, signal });
  if (text.trim() !== 'OK')
    throw new EngineError(`cannot ${doing}: ${connection.endpoint} is not a container engine`);
}
