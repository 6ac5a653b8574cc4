import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, realpath, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { hostMirrors, namedMirror } from '../../src/source/debian/debian-mirror.js';
import { packageRoot } from './cli.js';
import { temporaryFolder } from './temporary-folder.js';

const run = promisify(execFile);
const LARGE = { maxBuffer: 64 * 1024 ** 2 };

/** Where the checkout lies there, and who works in it. */
const CHECKOUT = '/srv/elsewhere/checkout';
const HOME = '/home/other';
const USER = 4242;

/** Another root file system on this machine. Leaving its scope removes it. */
export interface SecondMachine extends AsyncDisposable {
  /** Runs a shell command in its copy of this checkout; resolves to its stdout, rejects when it fails. */
  run(command: string): Promise<string>;
  /** The path, seen from here, of a file in its checkout. */
  file(path: string): string;
}

/**
 * Makes a Debian with Node.js, npm, make and a copy of this checkout, which shares nothing with this machine but the kernel and
 * the container engine: other packages, another path, an empty home, another user, host name, time zone and umask. Wants root.
 */
export async function secondMachine(): Promise<SecondMachine> {
  const folder = await temporaryFolder();
  const root = join(folder.path, 'root');
  try {
    await run('mmdebstrap', [
      ...['--variant=minbase', '--include=make,ca-certificates,libatomic1'],
      ...['bookworm', root, await mirror()],
    ]);
    await installNode(root);
    await copySettings(root);
    await copyCheckout(join(root, CHECKOUT));
    await mkdir(join(root, HOME), { recursive: true });
    const npmrc = await readFile(join(homedir(), '.npmrc'), 'utf8').catch(() => '');
    await writeFile(join(root, HOME, '.npmrc'), npmrc);
    await writeFile(join(root, 'run/docker.sock'), '');
    await run('chown', ['-R', `${USER}:${USER}`, join(root, CHECKOUT), join(root, HOME)]);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  const group = (await stat('/var/run/docker.sock')).gid;
  return {
    async run(command) {
      const inside = [
        '/usr/bin/env',
        '-i',
        ...environment(),
        'sh',
        '-c',
        `umask 027; cd ${CHECKOUT}; ${command}`,
      ];
      // The mounts are this command's own: they are gone when it has ended.
      const script = `set -e
hostname elsewhere
mount --bind /var/run/docker.sock "$1/run/docker.sock"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
root=$1; shift
exec chroot --userspec=${USER}:${group} "$root" "$@"`;
      const args = ['--mount', '--uts', 'sh', '-c', script, 'sh', root, ...inside];
      return (await run('unshare', args, LARGE)).stdout;
    },
    file: (path) => join(root, CHECKOUT, path),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function mirror(): Promise<string> {
  const named = process.env['LAYERSMITH_DEBIAN_MIRROR'];
  const found = named === undefined ? (await hostMirrors('/etc/apt'))[0] : namedMirror(named);
  if (found === undefined) throw new Error('this host has no Debian mirror');
  return found.archive;
}

/** This machine's Node.js and npm: Debian 12's own is too old. */
async function installNode(root: string): Promise<void> {
  await cp(await realpath(process.execPath), join(root, 'usr/bin/node'));
  const { stdout } = await run('npm', ['root', '--global']);
  await cp(join(stdout.trim(), 'npm'), join(root, 'usr/lib/node_modules/npm'), { recursive: true });
  for (const name of ['npm', 'npx'])
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/bin', name));
}

/** How the network is reached from here: without these nothing can be downloaded there. */
async function copySettings(root: string): Promise<void> {
  for (const file of ['/etc/resolv.conf', '/etc/npmrc', '/etc/ssl/certs/ca-certificates.crt'])
    await cp(file, join(root, file)).catch((error: unknown) => {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
    });
}

/** What git knows, as it is now, without what was built from it. */
async function copyCheckout(target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { stdout } = await run('git', list, { cwd: packageRoot, ...LARGE });
  for (const file of stdout.split('\0').filter((name) => name !== '')) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await cp(join(packageRoot, file), join(target, file)).catch((error: unknown) => {
      // Removed, but not yet from git's index.
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
    });
  }
}

/** Nothing of this process's environment but what the network wants. */
function environment(): readonly string[] {
  const passed = ['http_proxy', 'https_proxy', 'no_proxy', 'LAYERSMITH_DEBIAN_MIRROR', 'NODE_EXTRA_CA_CERTS'];
  return [
    `HOME=${HOME}`,
    'PATH=/usr/bin:/bin',
    'TZ=Asia/Tokyo',
    'LC_ALL=C.UTF-8',
    ...passed.flatMap((name) =>
      process.env[name] === undefined ? [] : [`${name}=${process.env[name] ?? ''}`],
    ),
  ];
}
