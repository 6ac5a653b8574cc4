import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../core/atomic-file.js';
import { sha256 } from '../core/digest.js';
import { EngineError, StageError } from '../core/errors.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import { openImageReader, readerSpec } from '../sandbox/image-reader.js';
import { readOutputLines, readOutputText } from '../sandbox/program-output.js';
import { programFailure, runProgram } from '../sandbox/run-program.js';
import { readTarFile } from '../tree/read-tar.js';
import type { ToolchainImage } from './toolchain.js';

/** An installed package of an image; `version` is the full version of its package manager. */
export interface Package {
  readonly name: string;
  readonly version: string;
}

/** How the packages of an image are read and cached. */
export interface PackageOptions {
  readonly engine: ContainerEngine;
  /** The folder in which the package list of each image is cached. */
  readonly stateDir: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

const packagesSchema = z.array(z.object({ name: z.string(), version: z.string() }));

const DPKG_STATUS = '/var/lib/dpkg/status';
/** In characters; longer than any list of packages. */
const MAX_LIST = 16 * 1024 ** 2;
const RPM_LIMIT_MS = 5 * 60_000;
const RPM_QUERY = ['rpm', '-qa', '--qf', '%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n'];

/**
 * Lists the packages of an image, sorted by name. Reads dpkg's database without starting a program; if there is none, it
 * runs rpm. Throws StageError for an image that has neither.
 */
export async function packagesOf(
  image: ToolchainImage,
  options: PackageOptions,
): Promise<readonly Package[]> {
  const known = join(options.stateDir, 'packages', `${sha256(image.id)}.json`);
  try {
    return packagesSchema.parse(JSON.parse(await readFile(known, 'utf8')));
  } catch {
    // Not cached yet, or damaged.
  }
  const found = (await fromDpkg(image, options)) ?? (await fromRpm(image, options));
  const packages = [...found].sort((a, b) => compare(a.name, b.name) || compare(a.version, b.version));
  await mkdir(dirname(known), { recursive: true });
  await writeFileAtomically(known, JSON.stringify(packages));
  return packages;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

async function fromDpkg(
  image: ToolchainImage,
  { engine, labels, signal }: PackageOptions,
): Promise<readonly Package[] | undefined> {
  await using container = await openImageReader({ engine, image: image.id, labels, signal });
  try {
    const archive = await container.getArchive(DPKG_STATUS, signal);
    const status = await readTarFile(archive, () => true);
    return status === undefined ? undefined : parseDpkgStatus(status.toString());
  } catch (error) {
    if (error instanceof EngineError && error.statusCode === 404) return undefined;
    throw error;
  }
}

/** Parses dpkg's status file, paragraphs of `Name: value` lines (deb-control(5)). Returns only installed packages. */
export function parseDpkgStatus(status: string): readonly Package[] {
  return status.split(/\n{2,}/).flatMap((paragraph) => {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}: (.+)$`, 'm').exec(paragraph)?.[1]?.trim();
    const [name, version] = [field('Package'), field('Version')];
    if (name === undefined || version === undefined) return [];
    return field('Status') === 'install ok installed' ? [{ name, version }] : [];
  });
}

async function fromRpm(
  image: ToolchainImage,
  { engine, labels, signal }: PackageOptions,
): Promise<readonly Package[]> {
  const spec = readerSpec({ image: image.id, labels }, RPM_QUERY);
  const list = readOutputText(MAX_LIST);
  const complaints = readOutputLines({ keep: 5, onLine: () => undefined });
  return runProgram(
    {
      engine,
      spec,
      output: { stdout: list.follow, stderr: complaints.follow },
      limitMs: RPM_LIMIT_MS,
      signal,
    },
    ({ end }) => {
      const failure = programFailure(end, spec);
      if (failure === undefined) return parseRpmQuery(list.text());
      throw new StageError(`rpm cannot list the packages of the toolchain image: it ${failure}`, {
        details: { 'last lines': complaints.last },
        hint: 'Use an image that has dpkg or rpm.',
      });
    },
  );
}

/** Parses lines of `name epoch:version-release`. Omits the epoch 0, as rpm does in its own output. */
export function parseRpmQuery(stdout: string): readonly Package[] {
  return stdout.split('\n').flatMap((line) => {
    const [name, version] = line.trim().split(' ');
    if (name === undefined || version === undefined || name === 'gpg-pubkey') return [];
    return [{ name, version: version.replace(/^0:/, '') }];
  });
}

/** Lists the packages that differ: `gcc-10 10.2.1-6 → 10.2.1-7`. */
export function packageDifferences(then: readonly Package[], here: readonly Package[]): readonly string[] {
  const [old, now] = [then, here].map((list) => new Map(list.map(({ name, version }) => [name, version])));
  const names = [...new Set([...then, ...here].map(({ name }) => name))].sort();
  return names.flatMap((name) => {
    const [before, after] = [old?.get(name), now?.get(name)];
    return before === after ? [] : [`${name} ${before ?? 'none'} → ${after ?? 'none'}`];
  });
}
