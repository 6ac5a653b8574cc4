import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { promisify } from 'node:util';

import { sha256 } from '../../src/core/digest.js';
import type { ContainerEngine } from '../../src/engine/container-engine.js';
import { tarOf } from './tar.js';

/** Programs of this machine that the image has in `/bin`. */
const PROGRAMS = [
  'sh',
  'cat',
  'sleep',
  'id',
  'touch',
  'head',
  'ls',
  'dd',
  'stat',
  'uname',
  'env',
  'mkdir',
  'chmod',
];

/** On every tiny image, so that all can be found and removed. */
const TINY_IMAGE_LABEL = 'layersmith.test.image';

const run = promisify(execFile);

interface File {
  readonly path: string;
  readonly content: Buffer;
}

/**
 * The id of an image of a few MB that needs no registry: this machine's shell, some tools and the libraries
 * that `ldd` lists for them. Made once; the tag is named after what is in it. For `linux` hosts whose engine
 * runs the same architecture.
 */
export async function tinyImage(engine: ContainerEngine): Promise<string> {
  const files = await filesOfImage();
  const digest = sha256(files.map(({ path, content }) => `${path} ${sha256(content)}\n`).join(''));
  const tag = `layersmith-test/tiny:${digest.slice(0, 16)}`;
  const existing = await engine.inspectImage(tag);
  if (existing !== undefined) return existing.id;

  const directories = ['bin', 'dev', 'etc', 'proc', 'sys', 'data'];
  const passwd = 'root:x:0:0::/:/bin/sh\nbuild:x:1000:1000::/tmp:/bin/sh\n';
  const tar = tarOf([
    ...directories.map((name) => ({ name, type: 'directory' as const, mode: 0o755 })),
    { name: 'tmp', type: 'directory', mode: 0o1777 },
    { name: 'etc/passwd', mode: 0o644, content: passwd },
    ...files.map(({ path, content }) => ({ name: path.slice(1), mode: 0o755, content })),
  ]);
  const image = await engine.importImage(tar, {
    tag,
    labels: { [TINY_IMAGE_LABEL]: 'tiny' },
    signal: AbortSignal.timeout(120_000),
  });
  return image.id;
}

async function filesOfImage(): Promise<readonly File[]> {
  const sources = new Map<string, string>();
  for (const program of PROGRAMS) {
    const path = await findProgram(program);
    sources.set(`/bin/${program}`, path);
    const { stdout } = await run('ldd', [path]);
    for (const [, library] of stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)) {
      if (library !== undefined) sources.set(library, library);
    }
  }
  const files = [...sources].map(async ([path, source]) => ({ path, content: await readFile(source) }));
  return (await Promise.all(files)).sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function findProgram(program: string): Promise<string> {
  for (const dir of ['/bin', '/usr/bin']) {
    const path = await realpath(`${dir}/${program}`).catch(() => undefined);
    if (path !== undefined) return path;
  }
  throw new Error(`this machine has no ${program}, which the test image needs`);
}
