import type { Readable, Writable } from 'node:stream';

/**
 * What layersmith needs from a container engine. Everything goes in and comes out as streams: no bind
 * mounts, published ports, host network or fixed container names, so the engine may be on another machine
 * (design decision 1). Every method that talks to the engine throws `EngineError` when it refuses and
 * `EngineUnavailableError` when it is gone; an aborted signal rejects with the signal's reason.
 */
export interface ContainerEngine {
  /** Where the engine is reached, for messages: `unix:///var/run/docker.sock`. */
  readonly endpoint: string;

  info(signal?: AbortSignal): Promise<EngineInfo>;

  /** The image's facts, or undefined when the engine does not have it. `reference` is a name or an id. */
  inspectImage(reference: string, signal?: AbortSignal): Promise<ImageInfo | undefined>;

  /** Images that carry the label, newest first. */
  listImages(
    label: { readonly key: string; readonly value?: string },
    signal?: AbortSignal,
  ): Promise<readonly ImageInfo[]>;

  /**
   * Asks the image's registry, through the engine, whether it has the image. Gives the digest of its
   * manifest (`sha256:…`), or undefined where the engine has no such question (Podman).
   */
  resolveRemoteDigest(reference: string, signal: AbortSignal): Promise<string | undefined>;

  /** Pulls an image; `onLine` gets progress in plain words. An error frame inside the stream is an EngineError. */
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

  /** Makes an image of a root file system's tar. */
  importImage(
    rootfs: Readable,
    options: ImageOptions & {
      readonly labels: Readonly<Record<string, string>>;
      readonly tag: string;
      /** `linux/arm64`; the engine's own by default. Docker 20.10 looks at the operating system alone. */
    },
  ): Promise<ImageInfo>;

  removeImage(reference: string, signal?: AbortSignal): Promise<void>;

  createContainer(spec: ContainerSpec, signal?: AbortSignal): Promise<Container>;

  /** Containers, running or not, that carry the label. */
  listContainers(labelKey: string, signal?: AbortSignal): Promise<readonly ContainerSummary[]>;

  /** Kills and removes a container with its anonymous volumes; one that is gone already is fine. */
  removeContainer(id: string): Promise<void>;
}

export interface EngineInfo {
  /** `Docker` or `Podman`, and the version it gives. */
  readonly name: string;
  readonly version: string;
  /** Of the machine that the engine runs containers on: `x86_64`, `aarch64`. */
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface ImageOptions {
  readonly signal: AbortSignal;
  /** `linux/amd64`, `linux/arm64`; the engine's own when absent. */
  readonly platform?: string;
  readonly onLine?: (line: string) => void;
}

export interface ImageInfo {
  /** `sha256:…` of the image's configuration. */
  readonly id: string;
  /** Manifest digests that registries know it by: `name@sha256:…`. */
  readonly repoDigests: readonly string[];
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly sizeBytes: number;
  readonly createdAt: Date;
}

/** The smallest memory limit that engines take: Docker refuses less than 6 MiB. */
export const MIN_MEMORY_BYTES = 6 * 1024 ** 2;

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
  readonly pids: number;
  /** Mounts the root file system read-only. */
  readonly readOnlyRoot: boolean;
  /** Size in bytes of a writable memory file system at each path. */
  readonly tmpfs: Readonly<Record<string, number>>;
  /** Paths that become anonymous volumes, so that another container can mount them. */
  readonly volumes: readonly string[];
  /** A container whose volumes are mounted read-only at their own paths. */
  readonly volumesFrom?: string;
  /** Gives it the engine's own network, to download with; none by default. */
  readonly hasNetwork?: boolean;
}

export interface ContainerSummary {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: Date;
}

/**
 * One container: without a network unless its spec asks for one, no capabilities and `no-new-privileges`. Leaving its scope
 * (`await using`) removes it, running or not, with its anonymous volumes.
 */
export interface Container extends AsyncDisposable {
  readonly id: string;

  /** Unpacks a tar at the path, which must exist. Works before the container starts. */
  putArchive(path: string, archive: Readable, signal: AbortSignal): Promise<void>;

  /** A tar of the path, whose last component is the archive's first entry. */
  getArchive(path: string, signal: AbortSignal): Promise<Readable>;

  /** Attaches to stdin, stdout and stderr; call it before `start` so that nothing is missed. */
  attach(signal: AbortSignal): Promise<Attachment>;

  start(signal: AbortSignal): Promise<void>;

  /** Waits for the end. `outOfMemory`: the kernel killed it for passing its memory limit. */
  wait(signal: AbortSignal): Promise<{ readonly exitCode: number; readonly outOfMemory: boolean }>;

  kill(): Promise<void>;
}

/** stdout and stderr end when the container does; a connection that breaks before destroys both with an EngineUnavailableError. */
export interface Attachment {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}
