import type { Argv } from 'yargs';
import { EXIT_CODES } from '../../core/errors.js';
import { ownerLabels } from '../../engine/owned-containers.js';
import { ARCHITECTURES } from '../../platform/platform.js';
import { prepareToolchain } from '../../toolchain/describe-toolchain.js';
import {
  isLocked,
  lockDifferences,
  lockKey,
  readLock,
  writeLock,
  type LockedImage,
} from '../../toolchain/lock-file.js';
import { IMAGE_ROLES } from '../../toolchain/toolchain.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, platformOptions, storeOption } from '../options.js';
import { removingFreshImages } from '../remove-fresh-images.js';
import { engineFor, openStoreFor, platformFor, reporterFor, warnTo } from '../session.js';
import { openLock, toolchainOptions } from '../toolchain-session.js';

/** Creates `layersmith lock`: pins the toolchain that the mirror or the registry has today in the lock file. */
export function lockCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
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
            describe: "Write nothing; fail if today's toolchain differs",
          },
          ...storeOption,
          ...jsonOption,
        })
        .example('$0 lock', 'Pin what the mirror has today; then commit layersmith.lock')
        .example('$0 lock --check', 'Has the mirror moved?'),
    handler: async (args) => {
      const reporter = reporterFor(io);
      try {
        const { path, lock } = await openLock(io);
        const platform = await platformFor(io, args);
        const store = await openStoreFor(io, args.store, reporter);
        const engine = await engineFor(io);
        const options = { ...args, offline: false };
        const inspecting = { engine, stateDir: store.stateDir, labels: ownerLabels(), signal: io.signal };
        // Before any image is created: an abort or a failure leaves none behind.
        await using _removed = await removingFreshImages(engine, { warn: warnTo(io), signal: io.signal });
        const choice = await toolchainOptions(io, options, {
          engine,
          platform,
          store,
          reporter,
          fresh: true,
          machine: args.machine,
        });
        const { toolchain, packages } = await prepareToolchain(choice, inspecting);
        reporter.close();
        const { kind } = toolchain;
        const wanted = { kind, platform, machine: choice.machine };
        const images = IMAGE_ROLES.map((role): readonly [string, LockedImage] => {
          const { digest, madeOf = [] } =
            role === 'toolchain' ? toolchain.buildImage : toolchain.runtimeImage;
          const listed = kind === 'amazonlinux' && role === 'toolchain' ? packages : [];
          return [lockKey(role, wanted), { digest, files: madeOf, packages: listed }];
        });
        const isNew = !isLocked(lock, wanted);
        const differences = isNew
          ? undefined
          : images.flatMap(([key, image]) => {
              const before = lock.get(key);
              return before === undefined
                ? []
                : lockDifferences(before, image).map((line) => `${key}: ${line}`);
            });
        if (!args.check) await writeLock(path, new Map([...(await readLock(path)), ...images]));
        const key = `${platform.name} ${platform.architecture} ${kind}`;
        io.out(
          args.json
            ? `${JSON.stringify({ path, key, new: isNew, differences: differences ?? [], packages: packages.length })}\n`
            : `${describe({ key, differences, check: args.check, packages: packages.length })}\n`,
        );
        if (args.check && differences?.length !== 0) outcome.exitCode = EXIT_CODES.integrity;
      } finally {
        reporter.close();
      }
    },
  });
}

function describe({
  key,
  differences,
  check,
  packages,
}: {
  readonly key: string;
  readonly differences: readonly string[] | undefined;
  readonly check: boolean;
  readonly packages: number;
}): string {
  if (differences === undefined) return check ? `not locked: ${key}` : `locked: ${key}, ${packages} packages`;
  if (differences.length === 0) return `the same: ${key}, ${packages} packages`;
  return [...differences, `${check ? 'not the same' : 'locked anew'}: ${key}, ${packages} packages`].join(
    '\n',
  );
}
