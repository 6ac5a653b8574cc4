import type { Readable, Writable } from 'node:stream';

/**
 * The port to a container engine. All files go in and out as streams: there are no bind mounts, published ports, host
 * network or fixed container names, so the engine may run on another machine. Methods that call the engine throw
 * `EngineError` if it rejects the request and `EngineUnavailableError` if it does not answer. An aborted signal rejects
 * with its reason.
 */
export interface ContainerEngine {
  /** The engine's address, for messages: `unix:///var/run/docker.sock`. */
  readonly endpoint: string;

  /** Returns the engine's name, version and machine. */
  info(signal?: AbortSignal): Promise<EngineInfo>;

  /** Describes an image, or returns undefined if the engine does not have it. `reference` is a name or an id. */
  inspectImage(reference: string, signal?: AbortSignal): Promise<ImageInfo | undefined>;

  /** Lists the images with the label, newest first. */
  listImages(
    label: { readonly key: string; readonly value?: string },
    signal?: AbortSignal,
  ): Promise<readonly ImageInfo[]>;

  /**
   * Asks the image's registry for the digest of its manifest (`sha256:…`), through the engine. Returns undefined if the
   * engine does not support this (Podman).
   */
  resolveRemoteDigest(reference: string, signal: AbortSignal): Promise<string | undefined>;

  /** Pulls an image; `onLine` receives its progress. An error frame inside the stream is an EngineError. */
  pull(reference: string, options: ImageOptions): Promise<ImageInfo>;

  /** Builds an image from a tar of its context. */
  build(
    context: Readable,
    options: ImageOptions & {
      readonly dockerfile: string;
      readonly buildArgs: Readonly<Record<string, string>>;
      readonly labels: Readonly<Record<string, string>>;
      readonly tag: string;
    },
  ): Promise<ImageInfo>;

  /** Creates an image from a tar of a root file system. */
  importImage(
    rootfs: Readable,
    options: ImageOptions & {
      readonly labels: Readonly<Record<string, string>>;
      readonly tag: string;
    },
  ): Promise<ImageInfo>;

  /**
   * Pushes an image to a registry as `name:tag`, with the user's credentials. Returns the digest of its manifest (`sha256:…`). The
   * engine does not keep that name.
   */
  push(image: string, reference: string, options: Omit<ImageOptions, 'platform'>): Promise<string>;

  /** Removes an image. `reference` is a name or an id. */
  removeImage(reference: string, signal?: AbortSignal): Promise<void>;

  /** Creates a container without starting it. */
  createContainer(spec: ContainerSpec, signal?: AbortSignal): Promise<Container>;

  /** Lists the containers with the label, running or not. */
  listContainers(labelKey: string, signal?: AbortSignal): Promise<readonly ContainerSummary[]>;

  /** Kills and removes a container with its anonymous volumes. A container that no longer exists is not an error. */
  removeContainer(id: string): Promise<void>;
}

/** A container engine and the machine that it runs on. */
export interface EngineInfo {
  /** `Docker` or `Podman`. */
  readonly name: string;
  readonly version: string;
  /** The machine that runs the containers: `x86_64`, `aarch64`. */
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** Options for pulling, building and importing images. */
export interface ImageOptions {
  readonly signal: AbortSignal;
  /** `linux/amd64` or `linux/arm64`; the engine's own by default. Docker 20.10 checks only the operating system. */
  readonly platform?: string;
  readonly onLine?: (line: string) => void;
}

/** An image in the engine. */
export interface ImageInfo {
  /** The digest of the image's configuration: `sha256:…`. */
  readonly id: string;
  /** Its manifest digests in registries: `name@sha256:…`. */
  readonly repoDigests: readonly string[];
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly sizeBytes: number;
  readonly createdAt: Date;
}

/** The smallest memory limit that engines accept: Docker rejects less than 6 MiB. */
export const MIN_MEMORY_BYTES = 6 * 1024 ** 2;

/** How a container is created. */
export interface ContainerSpec {
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  /** Numeric `uid:gid`; never root. */
  readonly user: string;
  /** `layersmith` by default. */
  readonly hostname?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** At least MIN_MEMORY_BYTES. */
  readonly memoryBytes: number;
  /** The maximum number of processes. */
  readonly pids: number;
  /** Mounts the root file system read-only. */
  readonly readOnlyRoot: boolean;
  /** Writable memory file systems: their sizes in bytes, by path. */
  readonly tmpfs: Readonly<Record<string, number>>;
  /** Paths that become anonymous volumes, so that another container can mount them. */
  readonly volumes: readonly string[];
  /** A container whose volumes are mounted read-only at their own paths. */
  readonly volumesFrom?: string;
  /** Connects the container to the engine's default network, for downloads. Off by default. */
  readonly hasNetwork?: boolean;
}

/** A container in a list. */
export interface ContainerSummary {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: Date;
}

/**
 * A container, without capabilities, with `no-new-privileges`, and without a network unless its spec has one. Disposing of
 * it (`await using`) removes it with its anonymous volumes, running or not.
 */
export interface Container extends AsyncDisposable {
  readonly id: string;

  /** Unpacks a tar at the path, which must exist. Works before the container starts. */
  putArchive(path: string, archive: Readable, signal: AbortSignal): Promise<void>;

  /** Returns a tar of the path, whose last component is the archive's first entry. */
  getArchive(path: string, signal: AbortSignal): Promise<Readable>;

  /** Attaches to stdin, stdout and stderr. Call it before `start` to receive all output. */
  attach(signal: AbortSignal): Promise<Attachment>;

  /** Starts the container. */
  start(signal: AbortSignal): Promise<void>;

  /** Waits until the container ends. `outOfMemory`: the kernel killed it because it exceeded its memory limit. */
  wait(signal: AbortSignal): Promise<{ readonly exitCode: number; readonly outOfMemory: boolean }>;

  /** Kills the container. A container that has ended is not an error. */
  kill(): Promise<void>;
}

/**
 * The standard streams of a container. stdout and stderr end when the container ends. If the connection is lost before,
 * both are destroyed with an EngineUnavailableError.
 */
export interface Attachment {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}
