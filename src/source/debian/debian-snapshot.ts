import { createReadStream } from 'node:fs';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Sha256 } from '../../core/digest.js';
import { writingTo } from '../../core/file-system.js';
import { aptComplaints } from './apt-complaints.js';
import type { DebianMirror } from './debian-mirror.js';
import { APT_FILES, createPrivateApt, preparePrivateApt, type PrivateApt } from './private-apt.js';
import {
  findPackages,
  findRevisions,
  readSourcesIndex,
  revisionLine,
  type Revision,
} from './sources-index.js';

/** A suite whose index could not be downloaded. */
export interface FailedSuite {
  readonly suite: string;
  readonly reason: string;
}

/** The content of Debian's suites at one moment, in a folder that never changes afterwards. */
export interface Snapshot {
  readonly apt: PrivateApt;
  readonly mirror: DebianMirror;
  /** Milliseconds since 1970. */
  readonly takenAt: number;
  readonly suites: readonly string[];
  readonly failed: readonly FailedSuite[];
  /** Returns the path of the list file for `PrivateApt` that names only this suite. */
  sourceList(suite: string): string;
  /** Returns the revisions of source packages that contain the file. */
  revisionsWith(digest: Sha256): Promise<Revision[]>;
  /** Returns the names that are source packages. */
  packagesAmong(names: ReadonlySet<string>): Promise<ReadonlySet<string>>;
}

/** Settings of `openSnapshot` and `takeSnapshot`. */
export interface SnapshotOptions {
  readonly mirror: DebianMirror;
  readonly keyring: string;
  /** Codenames, such as `trixie`. Their security suites are included. */
  readonly codenames: readonly string[];
  /** Added to apt's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly takenAt: number;
}

/** Time limit of an update, which takes three seconds with a nearby mirror. */
const UPDATE_LIMIT_MS = 3 * 60 * 1000;
const ANSWER_LIMIT_MS = 10_000;
const TABLE = 'tarballs';
const RECORD = 'snapshot.json';

const recordSchema = z.object({
  takenAt: z.number(),
  mirror: z.object({ archive: z.string(), security: z.string().optional() }),
  suites: z.array(z.string()),
  failed: z.array(z.object({ suite: z.string(), reason: z.string() })),
});

/**
 * Opens the snapshot in a folder. Undefined if it cannot be used: another process is removing it, or another version of
 * layersmith wrote it.
 */
export async function openSnapshot(
  dir: string,
  env: Readonly<Record<string, string>>,
): Promise<Snapshot | undefined> {
  let record: z.infer<typeof recordSchema>;
  try {
    record = recordSchema.parse(JSON.parse(await readFile(join(dir, RECORD), 'utf8')));
  } catch {
    return undefined;
  }
  return {
    apt: createPrivateApt(dir, env),
    mirror: { archive: record.mirror.archive, security: record.mirror.security },
    takenAt: record.takenAt,
    suites: record.suites,
    failed: record.failed,
    sourceList: (suite) => listFile(dir, suite),
    revisionsWith: async (digest) =>
      findRevisions(createReadStream(join(dir, TABLE), { highWaterMark: 1 << 20 }), digest),
    packagesAmong: async (names) => findPackages(createReadStream(join(dir, TABLE)), names),
  };
}

/**
 * Downloads the indexes of all suites into a new folder and tabulates their content. A suite that fails does not stop the
 * others. Throws StorageError, or the signal's reason.
 */
export async function takeSnapshot(
  dir: string,
  options: SnapshotOptions,
  signal: AbortSignal,
): Promise<{ readonly suites: readonly string[]; readonly failed: readonly FailedSuite[] }> {
  const { mirror, codenames, keyring, env, takenAt } = options;
  const { archive, security } = mirror;
  await writingTo(dir, () => preparePrivateApt(dir));
  const apt = createPrivateApt(dir, env);
  const parts = [
    { uri: archive, suites: codenames },
    { uri: security, suites: codenames.map((codename) => `${codename}-security`) },
  ];
  const silences = await allSettled(
    parts.map(({ uri, suites }) => whySilent({ ...options, apt, dir, uri, suites, signal })),
  );
  const failed: FailedSuite[] = [];
  const wanted: string[] = [];
  for (const [i, { uri, suites }] of parts.entries()) {
    const reason = silences[i];
    for (const suite of suites) {
      if (uri === undefined || reason !== undefined) {
        failed.push({ suite, reason: reason ?? 'no mirror of the security archive is known' });
        continue;
      }
      wanted.push(suite);
      const line = `deb-src [signed-by=${keyring}] ${uri} ${suite} main\n`;
      await writingTo(dir, () => writeFile(listFile(dir, suite), line));
    }
  }
  if (wanted.length === 0) return { suites: [], failed };
  const update = await apt.get({ args: ['-q', 'update'], signal, limitMs: UPDATE_LIMIT_MS });
  const indexes = await indexFiles(apt, signal);

  const suites: string[] = [];
  const table = await writingTo(dir, () => open(join(dir, TABLE), 'w'));
  try {
    for (const suite of wanted) {
      const file = indexes.get(suite);
      const read =
        file === undefined
          ? update
          : await apt.helper({ args: ['cat-file', file], signal, onStdout: (out) => tabulate(out, suite) });
      if (file !== undefined && read.ok) {
        suites.push(suite);
        continue;
      }
      const complaints = aptComplaints(read.stderr, mirror, new RegExp(`[ /]${suite}[ /]`));
      failed.push({ suite, reason: complaints ?? (read.ok ? 'it has no index of sources' : read.reason) });
    }
  } finally {
    await writingTo(dir, () => table.close());
  }
  const record: z.infer<typeof recordSchema> = { takenAt, mirror: { archive, security }, suites, failed };
  await writingTo(dir, () => writeFile(join(dir, RECORD), JSON.stringify(record)));
  return { suites, failed };

  async function tabulate(chunks: AsyncIterable<Buffer>, suite: string): Promise<void> {
    let lines: string[] = [];
    const flush = async (): Promise<void> => {
      await writingTo(dir, () => table.writeFile(lines.join('')));
      lines = [];
    };
    for await (const revision of readSourcesIndex(chunks, suite)) {
      if (lines.push(revisionLine(revision)) > 1000) await flush();
    }
    await flush();
  }
}

/** Waits for all promises, even if one fails, so that nothing runs in a folder that is about to be removed. */
async function allSettled<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

function listFile(dir: string, suite: string): string {
  return join(dir, APT_FILES.lists, `${suite}.list`);
}

/**
 * Returns why a mirror does not answer, or undefined if it does. Without this check, apt would wait for each suite and index in
 * turn, which takes minutes. The request uses apt, which knows the host's proxies.
 */
async function whySilent(options: {
  readonly apt: PrivateApt;
  readonly dir: string;
  readonly mirror: DebianMirror;
  readonly uri: string | undefined;
  readonly suites: readonly string[];
  readonly signal: AbortSignal;
}): Promise<string | undefined> {
  const { apt, dir, mirror, uri, suites, signal } = options;
  const suite = suites.at(-1);
  if (uri === undefined || suite === undefined) return undefined;
  const url = `${uri}/dists/${suite}/InRelease`;
  const args = ['-o', 'Acquire::Retries=0', 'download-file', url, join(dir, 'tmp', suite)];
  const ended = await apt.helper({ args, signal, limitMs: ANSWER_LIMIT_MS });
  if (ended.ok || /\b40\d\b/.test(ended.stderr)) return undefined;
  return aptComplaints(ended.stderr, mirror) ?? `the mirror does not answer (${ended.reason})`;
}

/** Returns the paths of the indexes that apt has downloaded, by suite. */
async function indexFiles(apt: PrivateApt, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  let text = '';
  await apt.get({
    args: ['indextargets', '--format', '$(RELEASE)\t$(FILENAME)', 'Created-By: Sources'],
    signal,
    onStdout: async (stdout) => {
      for await (const chunk of stdout.setEncoding('utf8')) text += chunk as string;
    },
  });
  const files = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [suite, file] = line.split('\t');
    if (suite !== undefined && file !== undefined && (await exists(file))) files.set(suite, file);
  }
  return files;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
