import type { Readable } from 'node:stream';

import { EngineError, EngineUnavailableError, InternalError } from '../core/errors.js';
import { checkedArchive } from './archive-check.js';
import { makeAttachment } from './attachment.js';
import type { Attachment, Container, ContainerSpec } from './container-engine.js';
import { containerSchema, waitSchema } from './engine-answers.js';
import { lostConnection } from './translate-error.js';
import { noAnswer, parseAnswer, type EngineCall, type EngineConnection } from './engine-connection.js';

/** How long an engine may take to remove a container before it counts as hanging. */
const REMOVE_SECONDS = 60;

/** The body of `POST /containers/create` for a spec, with all that decision 2 of the design takes away. */
export function createRequest(spec: ContainerSpec): Readonly<Record<string, unknown>> {
  const [program, ...args] = spec.command;
  return {
    Image: spec.image,
    // As entry point, since an image may have one of its own, as AWS's have.
    Entrypoint: [program],
    Cmd: args,
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    WorkingDir: spec.workingDir,
    User: spec.user,
    Labels: spec.labels,
    // The default is a piece of the id, which ends up in what some packages compile.
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
        // Docker mounts them noexec unless told otherwise; Lambda's /tmp is not, and builds run what they make.
        Object.entries(spec.tmpfs).map(([path, size]) => [
          path,
          `rw,exec,nosuid,nodev,mode=1777,size=${size}`,
        ]),
      ),
      ...(spec.volumesFrom === undefined ? {} : { VolumesFrom: [`${spec.volumesFrom}:ro`] }),
      // The output goes to who is attached; a copy of it would fill the engine's disk.
      LogConfig: { Type: 'none' },
    },
  };
}

/** A container behind the Engine API. */
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
   * Waits with the condition `not-running`, after `start` has been answered: a container that has ended by
   * then is answered for at once. (`next-exit` would wait for ever for one that was faster than the request,
   * and `not-running` before the start would take the created container for an ended one.)
   */
  async wait(signal: AbortSignal): Promise<{ readonly exitCode: number; readonly outOfMemory: boolean }> {
    if (this.#started === undefined) throw new InternalError('a container was waited for before its start');
    await this.#started;
    const doing = 'wait for a container';
    const text = await this.#connection.text({
      ...this.#call('POST', '/wait', doing, signal),
      query: { condition: 'not-running' },
    });
    // The answer's head comes at once, so an engine that shuts down can end it without a body.
    if (text === '')
      throw this.#connection.translate(lostConnection('the answer is empty'), { doing, signal });
    const { StatusCode: exitCode, Error: failure } = parseAnswer(text, waitSchema, doing);
    const complaint = failure?.Message ?? '';
    if (complaint !== '') throw new EngineError(`cannot ${doing}: ${complaint}`);
    const { State: state } = await this.#connection.json(
      this.#call('GET', '/json', doing, signal),
      containerSchema,
    );
    return { exitCode, outOfMemory: state.OOMKilled };
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

  /** True for a container that is gone as well. Engines do not agree on how they refuse to kill one that has ended. */
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
   * Removes the container. An engine that refuses, or is gone, is no error here: it would hide the one that
   * the scope was left with. The next run sweeps the container up.
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

/** Kills and removes a container with its anonymous volumes; one that is gone, or going, is fine. */
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

/** Resolves when the engine answers. */
export async function ping(connection: EngineConnection, doing: string, signal?: AbortSignal): Promise<void> {
  const text = await connection.text({ method: 'GET', path: '/_ping', doing, signal });
  if (text.trim() !== 'OK')
    throw new EngineError(`cannot ${doing}: ${connection.endpoint} is no container engine`);
}
