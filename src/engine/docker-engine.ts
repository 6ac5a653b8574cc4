import type { Readable } from 'node:stream';

import { EngineError } from '../core/errors.js';
import type {
  Container,
  ContainerEngine,
  ContainerSpec,
  ContainerSummary,
  EngineInfo,
  ImageInfo,
  ImageOptions,
} from './container-engine.js';
import { DockerContainer, createRequest, ping, removeContainer } from './docker-container.js';
import type { EngineAddress } from './engine-address.js';
import {
  containerListSchema,
  createdSchema,
  distributionSchema,
  engineInfo,
  imageListSchema,
  imageSchema,
  infoSchema,
  versionSchema,
} from './engine-answers.js';
import { EngineConnection, parseAnswer, type EngineCall } from './engine-connection.js';
import { imagePath, parseImageReference } from './image-reference.js';
import { ProgressLines, readProgress, type ProgressFrame } from './ndjson-progress.js';
import { ANONYMOUS, type RegistryCredentials } from './registry-credentials.js';
import { jsonMessage, throwIfAborted } from './translate-error.js';

/** How long an abort waits for a container that is being created, so that it can be removed. */
const CREATE_GRACE_MS = 10_000;

/**
 * Creates a client for the Docker Engine API, which Podman's socket supports too. Does not connect yet. `credentials` are those for
 * registries; by default there are none.
 */
export async function openDockerEngine(
  address: EngineAddress,
  credentials: RegistryCredentials = () => Promise.resolve(ANONYMOUS),
): Promise<DockerEngine> {
  return new DockerEngine(await EngineConnection.open(address), credentials);
}

/** The adapter for Docker 20.10 and later, and for Podman 4 and later through its Docker-compatible socket. */
export class DockerEngine implements ContainerEngine {
  readonly endpoint: string;
  readonly #connection: EngineConnection;
  readonly #credentials: RegistryCredentials;

  constructor(connection: EngineConnection, credentials: RegistryCredentials) {
    this.#connection = connection;
    this.#credentials = credentials;
    this.endpoint = connection.endpoint;
  }

  /** Resolves if the engine answers. */
  async ping(signal?: AbortSignal): Promise<void> {
    await ping(this.#connection, 'find a container engine', signal);
  }

  async info(signal?: AbortSignal): Promise<EngineInfo> {
    const call = { method: 'GET', doing: 'ask the engine what it is', signal } as const;
    const [version, info] = await Promise.all([
      this.#connection.json({ ...call, path: '/version' }, versionSchema),
      this.#connection.json({ ...call, path: '/info' }, infoSchema),
    ]);
    return engineInfo(version, info);
  }

  async inspectImage(reference: string, signal?: AbortSignal): Promise<ImageInfo | undefined> {
    const doing = `look at the image ${reference}`;
    try {
      const path = `/images/${imagePath(reference)}/json`;
      return await this.#connection.json({ method: 'GET', path, doing, signal }, imageSchema);
    } catch (error) {
      if (error instanceof EngineError && error.statusCode === 404) return undefined;
      throw error;
    }
  }

  async listImages(
    label: { readonly key: string; readonly value?: string },
    signal?: AbortSignal,
  ): Promise<readonly ImageInfo[]> {
    const filter = label.value === undefined ? label.key : `${label.key}=${label.value}`;
    const images = await this.#connection.json(
      {
        method: 'GET',
        path: '/images/json',
        query: { filters: JSON.stringify({ label: [filter] }) },
        doing: 'list images',
        signal,
      },
      imageListSchema,
    );
    return [...images].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  async resolveRemoteDigest(reference: string, signal: AbortSignal): Promise<string | undefined> {
    const { name, tag } = parseImageReference(reference);
    const full = tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`;
    const doing = `ask the registry for ${reference}`;
    const path = `/distribution/${imagePath(full)}/json`;
    const headers = await this.#authFor(name, signal);
    const call: EngineCall = { method: 'GET', path, headers, doing, signal };
    const { statusCode, body } = await this.#connection.answer(call);
    if (statusCode === 200) return parseAnswer(body, distributionSchema, doing).Descriptor.digest;
    if (isMissingEndpoint(statusCode, body)) return undefined;
    throw this.#connection.refusal({ statusCode, body }, call);
  }

  async pull(reference: string, options: ImageOptions): Promise<ImageInfo> {
    const { name, tag } = parseImageReference(reference);
    const doing = `pull ${reference}`;
    await this.#follow(
      {
        method: 'POST',
        path: '/images/create',
        query: {
          fromImage: name,
          tag,
          ...(options.platform === undefined ? {} : { platform: options.platform }),
        },
        headers: await this.#authFor(name, options.signal),
        doing,
        signal: options.signal,
      },
      options,
    );
    return this.#made(reference, doing, options.signal);
  }

  async push(image: string, reference: string, options: Omit<ImageOptions, 'platform'>): Promise<string> {
    const { signal } = options;
    const { name, tag } = parseImageReference(reference);
    const doing = `push ${reference}`;
    const headers = await this.#authFor(name, signal);
    const path = `/images/${imagePath(image)}/tag`;
    await this.#connection.text({ method: 'POST', path, query: { repo: name, tag }, doing, signal });
    let digest: string | undefined;
    try {
      await this.#follow(
        { method: 'POST', path: `/images/${imagePath(name)}/push`, query: { tag }, headers, doing, signal },
        options,
        (frame) => {
          digest = frame.digest ?? digest;
        },
      );
    } finally {
      // Also after an abort.
      await this.removeImage(reference).catch(() => undefined);
    }
    if (digest === undefined)
      throw new EngineError(`cannot ${doing}: the engine ended without naming the digest of the manifest`);
    return digest;
  }

  async build(
    context: Readable,
    options: ImageOptions & {
      readonly dockerfile: string;
      readonly buildArgs: Readonly<Record<string, string>>;
      readonly labels: Readonly<Record<string, string>>;
      readonly tag: string;
    },
  ): Promise<ImageInfo> {
    const doing = `build ${options.tag}`;
    let imageId: string | undefined;
    await this.#follow(
      {
        method: 'POST',
        path: '/build',
        query: {
          // The classic builder: BuildKit wants a session, and sends its progress as protocol buffers.
          version: '1',
          dockerfile: options.dockerfile,
          buildargs: JSON.stringify(options.buildArgs),
          labels: JSON.stringify(options.labels),
          t: options.tag,
          rm: 'true',
          forcerm: 'true',
          ...(options.platform === undefined ? {} : { platform: options.platform }),
        },
        body: context,
        doing,
        signal: options.signal,
      },
      options,
      (frame) => {
        imageId =
          frame.imageId ??
          /^Successfully built ([0-9a-f]{12,64})\s*$/.exec(frame.stream ?? '')?.[1] ??
          imageId;
      },
    );
    // The tag may refer to the image of an earlier or a concurrent build.
    if (imageId === undefined)
      throw new EngineError(`cannot ${doing}: the engine ended without naming an image`);
    return this.#made(imageId, doing, options.signal);
  }

  async importImage(
    rootfs: Readable,
    options: ImageOptions & {
      readonly labels: Readonly<Record<string, string>>;
      readonly tag: string;
    },
  ): Promise<ImageInfo> {
    const { name, tag } = parseImageReference(options.tag);
    const doing = `import ${options.tag}`;
    let imageId: string | undefined;
    await this.#follow(
      {
        method: 'POST',
        path: '/images/create',
        query: {
          fromSrc: '-',
          // In one parameter: Podman 4 ignores `tag`.
          repo: `${name}:${tag}`,
          changes: Object.entries(options.labels).map(
            ([key, value]) => `LABEL ${quote(key)}=${quote(value)}`,
          ),
          ...(options.platform === undefined ? {} : { platform: options.platform }),
        },
        body: rootfs,
        doing,
        signal: options.signal,
      },
      options,
      (frame) => {
        imageId = /^(?:sha256:)?[0-9a-f]{64}$/.exec(frame.status ?? '')?.[0] ?? imageId;
      },
    );
    if (imageId === undefined)
      throw new EngineError(`cannot ${doing}: the engine ended without naming an image`);
    const image = await this.#made(imageId, doing, options.signal);
    // Podman does not resolve escapes between the quotes, so it changes quotes, backslashes and `$`.
    const wrong = Object.entries(options.labels).find(([key, value]) => image.labels[key] !== value);
    if (wrong !== undefined) {
      await this.removeImage(options.tag, options.signal);
      throw new EngineError(`cannot ${doing}: the engine changed the label ${wrong[0]}`, {
        details: { wanted: wrong[1], kept: image.labels[wrong[0]] ?? '' },
      });
    }
    return image;
  }

  async removeImage(reference: string, signal?: AbortSignal): Promise<void> {
    await this.#connection.text({
      method: 'DELETE',
      path: `/images/${imagePath(reference)}`,
      doing: `remove the image ${reference}`,
      signal,
    });
  }

  async createContainer(spec: ContainerSpec, signal?: AbortSignal): Promise<Container> {
    throwIfAborted(signal);
    // A cancelled request may still create a container, which would never be removed. An abort therefore lets the
    // request finish, and then removes the container.
    const grace = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      timer = setTimeout(() => {
        grace.abort(signal?.reason);
      }, CREATE_GRACE_MS);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const { Id: id } = await this.#connection.json(
        {
          method: 'POST',
          path: '/containers/create',
          json: createRequest(spec),
          doing: 'create a container',
          signal: grace.signal,
        },
        createdSchema,
      );
      if (signal?.aborted === true) await removeContainer(this.#connection, id);
      throwIfAborted(signal);
      return new DockerContainer(this.#connection, id);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async listContainers(labelKey: string, signal?: AbortSignal): Promise<readonly ContainerSummary[]> {
    return this.#connection.json(
      {
        method: 'GET',
        path: '/containers/json',
        query: { all: 'true', filters: JSON.stringify({ label: [labelKey] }) },
        doing: 'list containers',
        signal,
      },
      containerListSchema,
    );
  }

  async removeContainer(id: string): Promise<void> {
    await removeContainer(this.#connection, id);
  }

  /** Returns the header with the credentials for an image's registry. */
  async #authFor(imageName: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    return { 'X-Registry-Auth': await this.#credentials(imageName, signal) };
  }

  /** Sends the call and reads its progress to the end; throws for an error inside it. */
  async #follow(
    call: EngineCall,
    options: ImageOptions,
    onFrame: (frame: ProgressFrame) => void = () => undefined,
  ): Promise<void> {
    const answer = await this.#connection.stream(call);
    const lines = new ProgressLines(options.onLine ?? (() => undefined));
    try {
      for await (const frame of readProgress(answer, call.doing)) {
        lines.add(frame);
        onFrame(frame);
      }
    } catch (error) {
      throw this.#connection.translate(error, call);
    } finally {
      lines.end();
      answer.destroy();
    }
  }

  async #made(reference: string, doing: string, signal: AbortSignal): Promise<ImageInfo> {
    const image = await this.inspectImage(reference, signal);
    if (image === undefined)
      throw new EngineError(`cannot ${doing}: the engine reported success, but the image does not exist`);
    return image;
  }
}

/** Reports whether the engine has no `/distribution`, as Podman. Docker's 404 means that the registry does not have the image. */
function isMissingEndpoint(statusCode: number, body: string): boolean {
  const message = jsonMessage(body);
  if (statusCode === 404) return message === undefined || message === 'page not found';
  return message !== undefined && /^Path .* is not supported/.test(message);
}

/** Quotes a word of a Dockerfile instruction, where `$` would start a variable. */
function quote(text: string): string {
  if (/[\r\n]/.test(text))
    throw new EngineError(`an image label cannot contain a line break: ${JSON.stringify(text)}`);
  return `"${text.replace(/[\\"$]/g, '\\$&')}"`;
}
