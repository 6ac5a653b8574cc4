import { execFile, spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { packageRoot } from './cli.js';

const run = promisify(execFile);

/** A registry of images on loopback, empty at first. Leaving its scope ends it and removes what it holds. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:43211`: Docker talks plain HTTP to registries on loopback. */
  readonly host: string;
}

/** The only user of a registry that asks for a password. */
export const USER = { name: 'acme', password: 's3cret' } as const;

/** bcrypt of that password, of the least cost. */
const HTPASSWD = `${USER.name}:$2b$04$g7/LSpJzdi9an8O0S2WbmOjE1B4IsAliQaj7IVmR7Zdl2zHXh.0MW\n`;

/** Starts Debian's docker-registry on a free port; with `isPrivate`, only for USER. */
export async function startRegistry({ isPrivate = false } = {}): Promise<Registry> {
  const program = await registryProgram();
  const dir = await mkdtemp(join(tmpdir(), 'layersmith-registry-'));
  const config = join(dir, 'config.yml');
  const users = join(dir, 'htpasswd');
  await writeFile(users, HTPASSWD);
  await writeFile(
    config,
    `version: 0.1
${isPrivate ? `auth: { htpasswd: { realm: test, path: ${users} } }` : ''}
storage: { filesystem: { rootdirectory: ${join(dir, 'images')} } }
http: { addr: '127.0.0.1:0' }
`,
  );
  const child = spawn(program, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) =>
    child.on('close', () => {
      resolve();
    }),
  );
  const lines: string[] = [];
  const host = new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      reject(new Error(`docker-registry ended:\n${lines.join('\n')}`));
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      const [, address] = /listening on (127\.0\.0\.1:\d+)/.exec(line) ?? [];
      if (address !== undefined) resolve(address);
    });
  });
  return {
    host: await host,
    async [Symbol.asyncDispose]() {
      child.kill();
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Debian 12's, which apt checks against the signed list. The registry's API is what the tests depend on. */
const VERSION = '2.8.2+ds1-1';

/** The machine's docker-registry, or Debian's package of it unpacked beside the other caches: nothing is installed. */
async function registryProgram(): Promise<string> {
  const cache = join(packageRoot, 'node_modules', '.cache', 'layersmith-tests', 'docker-registry');
  for (const path of ['/usr/bin/docker-registry', join(cache, 'usr/bin/docker-registry')]) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  await mkdir(cache, { recursive: true });
  const download = (): Promise<unknown> =>
    run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', `docker-registry=${VERSION}`], {
      cwd: cache,
    });
  // The lists of packages may be missing or old.
  await download().catch(async () => {
    await run('apt-get', ['update', '-qq']).catch(() => undefined);
    await download();
  });
  const archive = (await readdir(cache)).find((name) => name.endsWith('.deb'));
  await run('dpkg-deb', ['-x', join(cache, archive ?? ''), cache]);
  return join(cache, 'usr/bin/docker-registry');
}
