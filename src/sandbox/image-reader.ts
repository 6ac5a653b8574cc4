import type { Container, ContainerEngine, ContainerSpec } from '../engine/container-engine.js';
import { READER_USER } from '../platform/sandbox-layout.js';

/** An image to look into. */
export interface ReadImage {
  readonly engine: ContainerEngine;
  /** The image's id. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** The container that reads an image with one of the image's own programs: no rights, and nothing to write to. */
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

/** A container that never runs, to take files out of an image. Leaving its scope removes it. */
export function openImageReader({ engine, image, labels, signal }: ReadImage): Promise<Container> {
  return engine.createContainer(readerSpec({ image, labels }, ['/nothing']), signal);
}
