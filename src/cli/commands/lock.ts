import type { Argv } from 'yargs';
import { EXIT_CODES, UsageError } from '../../core/errors.js';
import type { Reporter } from '../../core/reporter.js';
import { ownerLabels } from '../../engine/owned-containers.js';
import { ARCHITECTURES, type Architecture } from '../../platform/platform.js';
import { prepareToolchain } from '../../toolchain/describe-toolchain.js';
import {
  isLocked,
  lockDifferences,
  lockKey,
  writeLock,
  type LockedImage,
} from '../../toolchain/lock-file.js';
import { checkRepository, pushImage } from '../../toolchain/push-image.js';
import { IMAGE_ROLES } from '../../toolchain/toolchain.js';
import type { BuildArgs } from '../build-session.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import type { Io } from '../io.js';
import { releaseDifferences, releasesToLock } from '../lock-releases.js';
import { jsonOption, platformOptions, recipesOption, sourceOptions, storeOption } from '../options.js';
import { removingFreshImages } from '../remove-fresh-images.js';
import { engineFor, openStoreFor, platformFor, reporterFor, warnTo } from '../session.js';
import { openLock, toolchainOptions } from '../toolchain-session.js';

/** Creates `layersmith lock`: pins today's toolchain, and the releases of recipes, in the lock file. */
export function lockCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('names', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe:
            'Layers or recipes whose releases to pin, with those of their libraries [default: all layers of layersmith.yaml]',
        })
        .options({
          ...platformOptions,
          machine: {
            choices: ARCHITECTURES,
            requiresArg: true,
            describe: "Architecture of the embedded toolchain's compilers [default: the engine's]",
          },
          check: {
            type: 'boolean',
            default: false,
            describe: "Write nothing; fail if today's toolchain or releases differ",
          },
          'releases-only': {
            type: 'boolean',
            default: false,
            describe: 'Leave the toolchain as it is; needs no engine',
          },
          push: {
            type: 'string',
            requiresArg: true,
            describe: 'Push the images to this REGISTRY/REPOSITORY; everyone pulls them by digest',
          },
          sources: sourceOptions.sources,
          ...recipesOption,
          ...storeOption,
          ...jsonOption,
        })
        .example('$0 lock', 'Pin what the mirror has today; then commit layersmith.lock')
        .example('$0 lock php/8.4', 'Also pin the releases of PHP and its libraries')
        .example('$0 lock --push ghcr.io/acme/layersmith', 'Make the images once for everyone')
        .example('$0 lock --check', 'Has the mirror moved? Are there newer releases?'),
    handler: async (args) => {
      checkPush(args);
      const reporter = reporterFor(io);
      try {
        const { path, lock, content } = await openLock(io);
        const locked = content.releases;
        const releases = await releasesToLock(io, args, { recipes: args.names, locked, reporter });
        const changed = releaseDifferences(locked, releases);
        const toolchain = args['releases-only']
          ? undefined
          : await lockToolchain(io, args, { lock, reporter });
        reporter.close();
        if (!args.check) {
          const images = new Map([...content.images, ...(toolchain?.images ?? [])]);
          await writeLock(path, images, releases);
        }
        const { key, isNew = false, packages, differences = [], images = [] } = toolchain ?? {};
        const published = images.flatMap(([of, { image }]) =>
          image === undefined ? [] : [[of, image] as const],
        );
        const lines = [
          ...changed,
          ...(toolchain === undefined ? [] : [describe({ ...toolchain, check: args.check })]),
          ...published.map(([of, image]) => `${of}: ${image}`),
          ...(releases.size === 0 ? [] : [describeReleases(releases.size, { changed, check: args.check })]),
        ];
        io.out(
          args.json
            ? `${JSON.stringify({ path, key, new: isNew, differences: [...changed, ...differences], packages, published: Object.fromEntries(published), releases: Object.fromEntries(releases) })}\n`
            : `${lines.join('\n')}\n`,
        );
        const isSame =
          changed.length === 0 && (toolchain === undefined || toolchain.differences?.length === 0);
        if (args.check && !isSame) outcome.exitCode = EXIT_CODES.integrity;
      } finally {
        reporter.close();
      }
    },
  });
}

/** Today's toolchain, and how it differs from the locked one. */
interface LockedToolchain {
  readonly key: string;
  readonly isNew: boolean;
  /** Undefined if it is new. */
  readonly differences: readonly string[] | undefined;
  /** How many packages the image with the compilers has. */
  readonly packages: number;
  readonly images: readonly (readonly [string, LockedImage])[];
}

async function lockToolchain(
  io: Io,
  args: Pick<BuildArgs, 'platform' | 'arch' | 'toolchain' | 'registry' | 'store'> & {
    readonly machine: Architecture | undefined;
    readonly push: string | undefined;
  },
  { lock, reporter }: { readonly lock: ReadonlyMap<string, LockedImage>; readonly reporter: Reporter },
): Promise<LockedToolchain> {
  const platform = await platformFor(io, args);
  const store = await openStoreFor(io, args.store, reporter);
  const engine = await engineFor(io);
  const options = { ...args, offline: false };
  const inspecting = { engine, stateDir: store.stateDir, labels: ownerLabels(), signal: io.signal };
  // Before any image is created: an abort or a failure leaves none behind.
  await using _removed = await removingFreshImages(engine, { warn: warnTo(io), signal: io.signal });
  const choice = await toolchainOptions(io, options, {
    ...{ engine, platform, store, reporter, fresh: true },
    machine: args.machine,
  });
  const { toolchain, packages } = await prepareToolchain(choice, inspecting);
  const { kind } = toolchain;
  const wanted = { kind, platform, machine: choice.machine };
  const images: [string, LockedImage][] = [];
  for (const role of IMAGE_ROLES) {
    const { id, digest, madeOf = [] } = role === 'toolchain' ? toolchain.buildImage : toolchain.runtimeImage;
    const listed = kind === 'amazonlinux' && role === 'toolchain' ? packages : [];
    const key = lockKey(role, wanted);
    const locked = lock.get(key);
    const image =
      args.push === undefined
        ? keptImage({ key, digest, locked, warn: reporter.warn })
        : await pushImage(
            { key, id, digest, locked },
            { engine, repository: args.push, report: reporter.info, signal: io.signal },
          );
    images.push([key, { digest, image, files: madeOf, packages: listed }]);
  }
  reporter.close();
  const isNew = !isLocked(lock, wanted);
  const differences = isNew
    ? undefined
    : images.flatMap(([key, image]) => {
        const before = lock.get(key);
        return before === undefined ? [] : lockDifferences(before, image).map((line) => `${key}: ${line}`);
      });
  const key = `${platform.name} ${platform.architecture} ${kind}`;
  return { key, isNew, differences, packages: packages.length, images };
}

/** Returns where the image was pushed, if that is the one of today. */
function keptImage({
  key,
  digest,
  locked,
  warn,
}: {
  readonly key: string;
  readonly digest: string;
  readonly locked: LockedImage | undefined;
  readonly warn: (message: string) => void;
}): LockedImage['image'] {
  if (locked?.image === undefined || locked.digest === digest) return locked?.image;
  warn(`${key}: ${locked.image} is not today's image; push it with --push`);
  return undefined;
}

/** Checks `--push`. Throws UsageError. */
function checkPush(args: {
  readonly push: string | undefined;
  readonly check: boolean;
  readonly releasesOnly: boolean;
}): void {
  if (args.push === undefined) return;
  checkRepository(args.push);
  const other = args.check ? '--check' : args.releasesOnly ? '--releases-only' : undefined;
  if (other === undefined) return;
  throw new UsageError(`--push and ${other} contradict each other`, { hint: `Leave out ${other}.` });
}

function describe({
  key,
  differences,
  check,
  packages,
}: Pick<LockedToolchain, 'key' | 'differences' | 'packages'> & { readonly check: boolean }): string {
  if (differences === undefined) return check ? `not locked: ${key}` : `locked: ${key}, ${packages} packages`;
  if (differences.length === 0) return `the same: ${key}, ${packages} packages`;
  return [...differences, `${check ? 'not the same' : 'locked anew'}: ${key}, ${packages} packages`].join(
    '\n',
  );
}

function describeReleases(
  count: number,
  { changed, check }: { readonly changed: readonly string[]; readonly check: boolean },
): string {
  const what = count === 1 ? '1 release' : `${count} releases`;
  if (changed.length === 0) return `the same: ${what}`;
  return `${check ? 'not the same' : 'locked'}: ${what}`;
}
