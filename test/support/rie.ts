import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { sha256 } from '../../src/core/digest.js';
import { errorCodeOf } from '../../src/core/file-system.js';
import { testCache } from './test-cache.js';

/** AWS's SAM CLI carries its Runtime Interface Emulator, for both machines, in its wheel. */
const PACKAGE = 'aws-sam-cli';
const VERSION = '1.170.0';
const WHEEL_SHA256 = '24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf';
const BINARIES = {
  x64: {
    name: 'aws-lambda-rie-x86_64',
    sha256: '6b1e686e62ab2baf5759c412c4864276ef2a88b094fca53ec070637ccba9b9a5',
  },
  arm64: {
    name: 'aws-lambda-rie-arm64',
    sha256: 'ec2e5d09633d853834c008b1ef264bf834b258a94d551d2b2074966494b39a21',
  },
} as const;

const HOW_TO = `Let \`python3 -m pip download --no-deps ${PACKAGE}==${VERSION}\` work here, or get that wheel elsewhere, take samcli/local/rapid/ out of it, and name the program for this machine in LAYERSMITH_RIE.`;

/**
 * The program of AWS's Runtime Interface Emulator, a static binary for this machine. It is downloaded once and
 * kept in the user's cache; each digest is checked, each time. Rejects, and says how to get it, where it cannot
 * be had: the tests that are judged by it must not pass without it.
 */
export async function runtimeInterfaceEmulator(): Promise<Buffer> {
  const { arch, env } = process;
  if (arch !== 'x64' && arch !== 'arm64') throw new Error(`AWS's emulator does not run on ${arch}`);
  const binary = BINARIES[arch];
  const named = env['LAYERSMITH_RIE'];
  if (named !== undefined && named !== '')
    return checked(await readFile(named), { what: named, sha256: binary.sha256 });
  const folder = join(testCache(), `${PACKAGE}-${VERSION}`);
  const path = join(folder, binary.name);
  const kept = await readFile(path).catch((error: unknown) => {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (kept !== undefined) return checked(kept, { what: path, sha256: binary.sha256 });
  await mkdir(folder, { recursive: true });
  const aside = await mkdtemp(join(folder, 'new-'));
  try {
    const program = checked(await fromWheel(await downloadedWheel(aside), binary.name), {
      what: `${binary.name} of ${PACKAGE} ${VERSION}`,
      sha256: binary.sha256,
    });
    await writeFile(join(aside, binary.name), program);
    await chmod(join(aside, binary.name), 0o755);
    await rename(join(aside, binary.name), path);
    return program;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function downloadedWheel(folder: string): Promise<string> {
  const args = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps'];
  const pip = spawn('python3', [...args, '--dest', folder, `${PACKAGE}==${VERSION}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  pip.stderr.on('data', (bytes: Buffer) => {
    complaints += bytes.toString();
  });
  let status: number | null;
  try {
    [status] = (await once(pip, 'close')) as [number | null];
  } catch (cause) {
    throw new Error(`AWS's emulator is missing, and python3 to download it with. ${HOW_TO}`, { cause });
  }
  if (status !== 0)
    throw new Error(`AWS's emulator is missing and could not be downloaded. ${HOW_TO}\n${complaints}`);
  return join(folder, `${PACKAGE.replaceAll('-', '_')}-${VERSION}-py3-none-any.whl`);
}

async function fromWheel(wheel: string, name: string): Promise<Uint8Array> {
  const bytes = checked(await readFile(wheel), { what: wheel, sha256: WHEEL_SHA256 });
  const path = `samcli/local/rapid/${name}`;
  const program = unzipSync(bytes, { filter: (file) => file.name === path })[path];
  if (program === undefined) throw new Error(`there is no ${path} in ${wheel}`);
  return program;
}

function checked(
  bytes: Uint8Array,
  { what, sha256: wanted }: { readonly what: string; readonly sha256: string },
): Buffer {
  const found = sha256(bytes);
  if (found === wanted) return Buffer.from(bytes);
  throw new Error(`sha256 of ${what} is ${found}, and must be ${wanted}. ${HOW_TO}`);
}
