import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Platform } from '../../src/platform/platform.js';
import { testContext } from './local-function.js';
import { realEngine } from './real-engine.js';

const run = promisify(execFile);

/** On every image and container that is made for this, so that all can be found and removed. */
const LABEL = 'layersmith.test.amazon';

/** Where the stand-in for `dnf` and `yum` writes what it is asked for. */
export const RECORD = '/var/log/asked';

/** Runs `docker ARGS`; rejects with what it said. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', args, {
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
    maxBuffer: 64 << 20,
  });
  return stdout.trim();
}

/**
 * Makes the embedded toolchain one like Amazon's: `gcc` compiles for the image itself, with headers in /usr/include. What it
 * links needs no glibc newer than 2.17, the oldest platform's.
 */
const NATIVE = `set -e
sysroot=/usr/lib/layersmith/x86_64-linux-gnu-2.17/sysroot/usr lib=/usr/lib/x86_64-linux-gnu stubs=/usr/lib/stubs
cp -R "$sysroot/include" /usr/
cp -R "$sysroot/lib" "$stubs"
cp "$stubs"/*.o "$stubs"/*.a "$lib/"
for name in dl m pthread resolv rt util; do ln -s "$stubs/lib$name".so.* "$lib/lib$name.so"; done
echo "GROUP ( $stubs/libc.so.6 $lib/libc_nonshared.a AS_NEEDED ( $stubs/ld-linux-x86-64.so.2 ) )" >"$lib/libc.so"
for tool in gcc g++ cpp; do ln -sf "$tool-12" "/usr/bin/$tool"; done
ln -sf gcc /usr/bin/cc
mkdir -p /usr/local/bin
# What a package of the tests does not need.
rm -rf /usr/lib/layersmith /usr/lib/gcc-cross /usr/share/perl /usr/share/cmake-3.25 /usr/share/tcltk
rm -f /usr/lib/gcc/x86_64-linux-gnu/12/cc1plus /usr/lib/gcc/x86_64-linux-gnu/12/lto1`;

/** A package manager that installs nothing, and fails when it is told to. */
function packageManager(fails: boolean): string {
  return `#!/bin/sh
echo "\${0##*/} $*" >>${RECORD}
${fails ? 'echo "Error: Unable to find a match: gcc-c++" >&2; exit 1' : ''}
`;
}

/** Images that look enough like Amazon's: made of those of the embedded toolchain. */
export interface StandIns {
  readonly base: string;
  /** Its package manager fails. */
  readonly brokenBase: string;
  readonly runtime: string;
}

export async function makeStandIns(): Promise<StandIns> {
  const { buildImage, runtimeImage } = (await testContext()).toolchain;
  const toolchain = await flattened(buildImage.id, ['/bin/sh', '-c', NATIVE]);
  const runtime = await flattened(runtimeImage.id);
  return {
    base: await tagged('base', await withPackageManager(toolchain, packageManager(false))),
    brokenBase: await tagged('broken-base', await withPackageManager(toolchain, packageManager(true))),
    runtime: await tagged('runtime', runtime),
  };
}

/** An image without a name is gone with its last name in a registry. */
async function tagged(name: string, image: string): Promise<string> {
  const tag = `layersmith-test/amazon-${process.pid}:${name}`;
  await docker('tag', image, tag);
  return tag;
}

/** Puts an image into a registry, and leaves nothing of the registry's name in the engine. */
export async function push(image: string, reference: string): Promise<void> {
  await docker('tag', image, reference);
  await docker('push', '--quiet', reference);
  await docker('rmi', reference);
}

/** What a registry must have so that a platform's images come from it. */
export async function publish(
  platform: Platform,
  images: { readonly base: string; readonly runtime: string },
): Promise<void> {
  await push(images.base, platform.toolchain.base);
  if (platform.runtime !== platform.toolchain.base) await push(images.runtime, platform.runtime);
}

/** Removes all that was made here, and every image that came of it or from the registry. */
export async function removeStandIns(registryHost: string | undefined): Promise<void> {
  const engine = await realEngine();
  const made = (await engine.listImages({ key: LABEL })).map(({ id }) => id);
  const all = (
    await docker(
      'images',
      '--all',
      '--quiet',
      '--no-trunc',
      '--digests',
      '--format',
      '{{.Repository}} {{.ID}}',
    )
  )
    .split('\n')
    .filter((line) => registryHost !== undefined && line.startsWith(`${registryHost}/`))
    .map((line) => line.split(' ')[1] ?? '');
  const ids = [...new Set([...made, ...all])];
  // Those that others are made of go last: what cannot go yet is tried again.
  for (let round = 0; round < 3; round++)
    for (const id of ids) await docker('rmi', '--force', id).catch(() => undefined);
}

/** The image's files after a command, as an image of one layer that has none of its labels. */
async function flattened(image: string, command: readonly string[] = ['/nothing']): Promise<string> {
  const container = await docker('create', '--label', LABEL, '--network', 'none', image, ...command);
  try {
    if (command[0] !== '/nothing') await docker('start', '--attach', container);
    const exported = spawn('docker', ['export', container], { stdio: ['ignore', 'pipe', 'inherit'] });
    const imported = spawn('docker', ['import', '--change', `LABEL ${LABEL}=yes`, '-'], {
      stdio: [exported.stdout, 'pipe', 'inherit'],
    });
    let id = '';
    imported.stdout.setEncoding('utf8').on('data', (text: string) => (id += text));
    const [status] = (await once(imported, 'close')) as [number | null];
    if (status !== 0) throw new Error(`docker import ended with status ${String(status)}`);
    return id.trim();
  } finally {
    await docker('rm', '--force', container);
  }
}

async function withPackageManager(image: string, script: string): Promise<string> {
  const context = await mkdtemp(join(tmpdir(), 'layersmith-stand-in-'));
  try {
    await writeFile(join(context, 'package-manager'), script, { mode: 0o755 });
    await writeFile(
      join(context, 'Dockerfile'),
      `FROM ${image}\nCOPY package-manager /usr/bin/dnf\nCOPY package-manager /usr/bin/yum\n`,
    );
    return await docker('build', '--quiet', context);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}
