import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { diskFullError, freeBytes, watchingSpace } from './free-space.js';
import { runCommand, type CommandResult } from '../../core/run-command.js';

/**
 * Apt with its own state, in one folder. It neither reads nor changes the host's packages, but uses the proxies and passwords
 * of the host's configuration.
 */
export interface PrivateApt {
  /** Runs `apt-get ARGS` with one suite's list file or with all of them. */
  get(run: AptRun): Promise<CommandResult>;
  /** Runs `/usr/lib/apt/apt-helper ARGS`. */
  helper(run: AptRun): Promise<CommandResult>;
}

/** One run of apt. */
export interface AptRun {
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  /** Defaults to the private folder. */
  readonly cwd?: string | undefined;
  /** A .list file. Defaults to all in the private folder. */
  readonly sourceList?: string | undefined;
  readonly limitMs?: number | undefined;
  readonly onStdout?: ((stdout: Readable) => Promise<void>) | undefined;
}

/** Files and folders below a private apt's folder; `lists` holds .list files. */
export const APT_FILES = { config: 'apt.conf', status: 'status', lists: 'sources.list.d' } as const;

const FOLDERS = ['state/lists/partial', 'cache/archives/partial', 'tmp', APT_FILES.lists] as const;

const CONFIG = `// Hooks of the host's apt would act on the host.
#clear APT::Update;
#clear DPkg;
APT::Default-Release "";
// As root, apt would fetch as a user that cannot write here.
APT::Sandbox::User "root";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
// Downloads are compared with a pinned sha256: an archive that is no longer updated is as good.
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::Source-Symlinks "false";
Acquire::Retries "1";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
`;

/** If apt fails with less free space than this, the full disk is the cause, even if apt reports bad signatures. */
const LITTLE_BYTES = 16 * 2 ** 20;
const LIMIT_MS = 10 * 60 * 1000;

/** Creates an apt on the folder `dir`, which `preparePrivateApt` has filled. `env` is added to its environment. */
export function createPrivateApt(dir: string, env: Readonly<Record<string, string>>): PrivateApt {
  const run = async (
    command: string,
    { args, signal, cwd, sourceList, onStdout, limitMs = LIMIT_MS }: AptRun,
  ): Promise<CommandResult> => {
    const options = {
      'Dir::State': join(dir, 'state/'),
      'Dir::State::status': join(dir, APT_FILES.status),
      'Dir::Cache': join(dir, 'cache/'),
      'Dir::Etc::sourcelist': sourceList ?? '/dev/null',
      'Dir::Etc::sourceparts': sourceList === undefined ? join(dir, `${APT_FILES.lists}/`) : '/dev/null',
    };
    const folder = cwd ?? dir;
    const ended = await watchingSpace(folder, signal, (watched) =>
      runCommand(
        [
          command,
          ...['-c', join(dir, APT_FILES.config)],
          ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
          ...args,
        ],
        {
          cwd: folder,
          env: { ...env, HOME: dir, TMPDIR: join(dir, 'tmp') },
          signal: watched,
          limitMs,
          onStdout,
        },
      ),
    );
    if (!ended.ok && (await freeBytes(folder)) < LITTLE_BYTES) throw diskFullError(folder);
    return ended;
  };
  return {
    get: (it) => run('apt-get', it),
    helper: (it) => run('/usr/lib/apt/apt-helper', it),
  };
}

/** Creates the folders and files of a private apt. The caller adds one list file for each suite. */
export async function preparePrivateApt(dir: string): Promise<void> {
  for (const folder of FOLDERS) await mkdir(join(dir, folder), { recursive: true });
  await writeFile(join(dir, APT_FILES.config), CONFIG);
  await writeFile(join(dir, APT_FILES.status), '');
}
