import type { Container, ContainerEngine, ContainerSpec } from '../engine/container-engine.js';
import { READER_USER } from '../platform/sandbox-layout.js';

/** An image to read. */
export interface ReadImage {
  readonly engine: ContainerEngine;
  /** The image's id. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Returns the spec of a container that reads an image with a program of that image: no privileges, nothing is writable. */
export function readerSpec(
  { image, labels }: Pick<ReadImage, 'image' | 'labels'>,
  command: readonly string[],
): ContainerSpec {
  return {
    image,
    command,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    workingDir: '/',
    user: READER_USER,
    labels,
    memoryBytes: 256 * 1024 ** 2,
    pids: 64,
    readOnlyRoot: true,
    tmpfs: {},
    volumes: [],
  };
}

/** Creates a container that never runs, to copy files out of an image. Disposing of it removes it. */
export function openImageReader({ engine, image, labels, signal }: ReadImage): Promise<Container> {
  return engine.createContainer(readerSpec({ image, labels }, ['/nothing']), signal);
}
