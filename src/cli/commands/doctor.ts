import { access, constants, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { EXIT_CODES, LayersmithError, UsageError } from '../../core/errors.js';
import type { ContainerEngine, EngineInfo } from '../../engine/container-engine.js';
import { lastReason } from '../../toolchain/choose-toolchain.js';
import type { Platform } from '../../platform/platform.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import { checkEmulator } from '../check-emulator.js';
import type { Finding } from '../finding.js';
import { installMissing, thisHost } from '../install-missing.js';
import type { Io } from '../io.js';
import { jsonOption, platformOptions, storeOption } from '../options.js';
import { engineFor, platformFor, storeFolder } from '../session.js';
import { toolchainInEngine } from '../toolchain-session.js';
import { size } from '../words.js';

/** Disk space for a cold build of PHP, with a margin. */
const DISK_BYTES = 6e9;
const MEMORY_BYTES = 2e9;
const REGISTRY_TIMEOUT_MS = 8_000;

/** Creates `layersmith doctor`: checks what a build needs. Changes nothing unless `--fix` is given. */
export function doctorCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .options({
          fix: {
            type: 'boolean',
            default: false,
            describe:
              'Install what is missing: a container engine, and qemu for another --arch (Debian or Ubuntu, as root)',
          },
          quiet: {
            type: 'boolean',
            default: false,
            describe: 'With --fix: report only what is installed, and skip the checks',
          },
          ...platformOptions,
          ...storeOption,
          ...jsonOption,
        })
        .example('$0 doctor', 'Before the first build')
        .example('sudo $0 doctor --fix', 'Install and start what is missing')
        .example('sudo $0 doctor --fix --arch arm64', 'Also what runs arm64 layers on x86_64'),
    handler: async (args) => {
      if (args.quiet && !args.fix) throw new UsageError('--quiet requires --fix');
      const platform = await platformFor(io, args);
      const image = platform.toolchain.base;
      const report = (line: string): void => {
        io.err(`${line}\n`);
      };
      if (args.fix) {
        const { signal } = io;
        await installMissing(thisHost(io, report), { architecture: args.arch, report, signal });
      }
      if (args.quiet) return;
      const store = storeFolder(io, args.store);
      const found = await lookForEngine(io);
      const findings = [
        found.finding,
        await checkDisk(store),
        checkMemory(found.info),
        await checkRegistry(found.engine, { image, signal: io.signal }),
        await checkToolchain(found.engine, { io, platform }),
        ...(await checkEmulator(found, { io, platform })),
        await checkStore(store),
      ];
      if (args.json) io.out(`${JSON.stringify({ findings })}\n`);
      else {
        for (const { name, state, message, remedy } of findings) {
          const mark = { ok: 'ok     ', warning: 'warning', problem: 'problem' }[state];
          io.out(
            `${mark}  ${name.padEnd(9)}  ${message}\n${remedy === undefined ? '' : `${' '.repeat(20)}→ ${remedy}\n`}`,
          );
        }
      }
      const problem = findings.find(({ state }) => state === 'problem');
      if (problem !== undefined)
        outcome.exitCode = problem.name === 'engine' ? EXIT_CODES.engine : EXIT_CODES.storage;
    },
  });
}

interface FoundEngine {
  readonly finding: Finding;
  readonly engine: ContainerEngine | undefined;
  readonly info: EngineInfo | undefined;
}

async function lookForEngine(io: Io): Promise<FoundEngine> {
  try {
    const engine = await engineFor(io);
    const info = await engine.info(io.signal);
    const message = `${info.name} ${info.version} at ${engine.endpoint}, ${info.cpus} cores, ${info.architecture}`;
    return { finding: { name: 'engine', state: 'ok', message }, engine, info };
  } catch (error) {
    if (!(error instanceof LayersmithError)) throw error;
    return {
      finding: { name: 'engine', state: 'problem', message: error.message, remedy: error.hint },
      engine: undefined,
      info: undefined,
    };
  }
}

async function checkDisk(store: string): Promise<Finding> {
  const name = 'disk';
  const { bavail, bsize } = await statfs(await nearestFolder(store));
  const free = bavail * bsize;
  const message = `${size(free)} free at ${store}`;
  if (free >= DISK_BYTES) return { name, state: 'ok', message };
  return {
    name,
    state: 'warning',
    message,
    remedy: `A cold build of PHP needs ${size(DISK_BYTES)}: try \`layersmith clean --older-than 30d\`, or choose another disk with --store.`,
  };
}

function checkMemory(info: EngineInfo | undefined): Finding {
  const name = 'memory';
  if (info === undefined)
    return { name, state: 'warning', message: 'not known without an engine', remedy: 'See engine.' };
  const message = `${size(info.memoryBytes)} for containers`;
  if (info.memoryBytes >= MEMORY_BYTES) return { name, state: 'ok', message };
  return {
    name,
    state: 'warning',
    message,
    remedy: `Compiling PHP needs ${size(MEMORY_BYTES)}: give the engine more memory, or use --jobs 1.`,
  };
}

async function checkRegistry(
  engine: ContainerEngine | undefined,
  { image, signal }: { readonly image: string; readonly signal: AbortSignal },
): Promise<Finding> {
  const name = 'registry';
  if (engine === undefined)
    return { name, state: 'warning', message: 'not checked without an engine', remedy: 'See engine.' };
  const deadline = AbortSignal.timeout(REGISTRY_TIMEOUT_MS);
  try {
    const digest = await engine.resolveRemoteDigest(image, AbortSignal.any([signal, deadline]));
    return { name, state: 'ok', message: `${image} is ${digest ?? 'not resolved by this engine'}` };
  } catch (error) {
    signal.throwIfAborted();
    const why = deadline.aborted ? `no answer within ${REGISTRY_TIMEOUT_MS / 1000} s` : lastReason(error);
    const message = `${image}: ${why}`;
    return {
      name,
      state: 'warning',
      message,
      remedy: 'The embedded Debian toolchain is used instead. For Amazon Linux, pass a mirror to --registry.',
    };
  }
}

async function checkToolchain(
  engine: ContainerEngine | undefined,
  { io, platform }: { readonly io: Io; readonly platform: Platform },
): Promise<Finding> {
  const name = 'toolchain';
  if (engine === undefined)
    return { name, state: 'warning', message: 'not known without an engine', remedy: 'See engine.' };
  const kind = await toolchainInEngine(io, { engine, platform });
  const message =
    kind === undefined
      ? 'none in the engine yet; the first build creates one'
      : `in the engine: ${kind}-toolchain, ${kind}-runtime`;
  return { name, state: 'ok', message };
}

async function checkStore(store: string): Promise<Finding> {
  const name = 'store';
  const folder = await nearestFolder(store);
  try {
    await access(folder, constants.W_OK);
    if ((await stat(folder)).isDirectory()) return { name, state: 'ok', message: store };
  } catch {
    // The folder belongs to another user, or its file system is read-only.
  }
  return {
    name,
    state: 'problem',
    message: `${store} is not writable`,
    remedy: 'Choose another folder with --store.',
  };
}

/** Returns the folder itself, or the nearest parent that exists. */
async function nearestFolder(path: string): Promise<string> {
  return access(path).then(
    () => path,
    () => nearestFolder(join(path, '..')),
  );
}
