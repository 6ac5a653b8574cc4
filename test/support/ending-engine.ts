import { PassThrough, Readable } from 'node:stream';
import { EngineError } from '../../src/core/errors.js';
import type {
  Container,
  ContainerEngine,
  ContainerSpec,
  ImageInfo,
} from '../../src/engine/container-engine.js';

/** How every container of an engine ends. */
export interface Ending {
  readonly stderr?: string;
  readonly exitCode?: number;
  /** What the engine answers instead of starting the container. */
  readonly refusal?: string;
}

/** An engine on x86_64 whose containers end at once, and the specs of these containers. */
export function endingEngine(
  { stderr = '', exitCode = 0, refusal }: Ending,
  {
    images = [],
    endpoint = 'unix:///engine.sock',
  }: {
    /** The images that it finds, whatever their labels should be. */
    readonly images?: readonly ImageInfo[];
    readonly endpoint?: string;
  } = {},
): { readonly engine: ContainerEngine; readonly specs: readonly ContainerSpec[] } {
  const specs: ContainerSpec[] = [];
  const done = (): Promise<void> => Promise.resolve();
  const container: Container = {
    id: 'fake',
    putArchive: done,
    getArchive: () => Promise.reject(new Error('nothing is read')),
    attach: () =>
      Promise.resolve({
        stdin: new PassThrough(),
        stdout: Readable.from([]),
        stderr: Readable.from([Buffer.from(stderr)]),
      }),
    start: () =>
      refusal === undefined ? done() : Promise.reject(new EngineError(refusal, { statusCode: 400 })),
    wait: () => Promise.resolve({ exitCode, outOfMemory: false }),
    kill: done,
    [Symbol.asyncDispose]: done,
  };
  const engine = {
    endpoint,
    listImages: () => Promise.resolve(images),
    createContainer: (spec: ContainerSpec) => {
      specs.push(spec);
      return Promise.resolve(container);
    },
  } as unknown as ContainerEngine;
  return { engine, specs };
}
