import type { Argv } from 'yargs';
import { EngineError, EngineUnavailableError, UsageError } from '../../core/errors.js';
import type { ContainerEngine, ImageInfo } from '../../engine/container-engine.js';
import { findEngine } from '../../engine/find-engine.js';
import { sweepContainers } from '../../engine/owned-containers.js';
import { cleanStore } from '../../pipeline/build/clean-store.js';
import { IMAGE_LABEL } from '../../toolchain/toolchain.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, storeOption } from '../options.js';
import { openStoreFor, reporterFor } from '../session.js';
import { parseAge, parseSize, size } from '../words.js';

/** Creates `layersmith clean`: removes leftover containers, layersmith's images, and store entries by age or size. */
export function cleanCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .options({
          containers: {
            type: 'boolean',
            default: false,
            describe: 'Remove containers left by finished runs, including kept ones',
          },
          images: {
            type: 'boolean',
            default: false,
            describe: 'Remove toolchain and runtime images that layersmith made',
          },
          'older-than': {
            type: 'string',
            requiresArg: true,
            describe: 'Remove store entries unused for this long: 12h, 30d, 4w',
          },
          'max-size': {
            type: 'string',
            requiresArg: true,
            describe: 'Remove the least recently used store entries until the store has this size: 5G',
          },
          'dry-run': {
            type: 'boolean',
            default: false,
            describe: 'Print what would be removed without removing it',
          },
          ...storeOption,
          ...jsonOption,
        })
        .example('$0 clean --containers', 'After a build with --keep-container')
        .example('$0 clean --older-than 30d --max-size 5G', 'Keep the store small'),
    handler: async (args) => {
      const olderThanMs = parsed('--older-than', args.olderThan, parseAge, '12h, 30d or 4w');
      const maxBytes = parsed('--max-size', args.maxSize, parseSize, '500M or 5G');
      if (!args.containers && !args.images && olderThanMs === undefined && maxBytes === undefined) {
        throw new UsageError('no selection of what to clean', {
          hint: 'Give --containers, --images, --older-than or --max-size.',
        });
      }
      const reporter = reporterFor(io);
      const { dryRun } = args;
      const containers =
        args.containers || args.images
          ? await cleanEngine(io, { ...args, warn: reporter.warn })
          : { containers: [], images: [] };
      const removed =
        olderThanMs === undefined && maxBytes === undefined
          ? []
          : await cleanStore(await openStoreFor(io, args.store, reporter), {
              olderThanMs,
              maxBytes,
              dryRun,
              now: io.now(),
            });
      const bytes = removed.reduce((sum, entry) => sum + entry.sizeBytes, 0);
      if (args.json) {
        const entries = removed.map(({ path, sizeBytes }) => ({ path, sizeBytes }));
        io.out(`${JSON.stringify({ dryRun, ...containers, store: { entries, bytes } })}\n`);
        return;
      }
      const verb = dryRun ? 'would remove' : 'removed';
      io.out(
        `${verb} ${containers.containers.length} container(s), ${containers.images.length} image(s), ` +
          `${removed.length} store entries (${size(bytes)})\n`,
      );
    },
  });
}

async function cleanEngine(
  io: Io,
  args: {
    readonly containers: boolean;
    readonly images: boolean;
    readonly dryRun: boolean;
    readonly warn: (message: string) => void;
  },
): Promise<{ readonly containers: readonly string[]; readonly images: readonly string[] }> {
  const engine = await findEngine({ env: io.env, homeDir: io.homeDir, signal: io.signal }).catch(
    (error: unknown) => {
      // Without an engine there are no containers or images to remove.
      if (error instanceof EngineUnavailableError) return undefined;
      throw error;
    },
  );
  if (engine === undefined) return { containers: [], images: [] };
  const { dryRun, warn } = args;
  const { signal } = io;
  const containers = args.containers
    ? await sweepContainers(engine, { kept: true, dryRun, warn, signal })
    : [];
  const images = args.images ? await engine.listImages({ key: IMAGE_LABEL }, signal) : [];
  return {
    containers,
    images: dryRun ? images.map(({ id }) => id) : await removeImages(images, { engine, warn, signal }),
  };
}

/** Removes images and returns those that were removed; the engine keeps an image that a container still uses. */
async function removeImages(
  images: readonly ImageInfo[],
  options: {
    readonly engine: ContainerEngine;
    readonly warn: (message: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const image of images) {
    try {
      for (const name of namesOf(image)) await options.engine.removeImage(name, options.signal);
      removed.push(image.id);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      // The image is gone already: another `clean` removed it.
      if (error.statusCode !== 404) options.warn(error.message);
    }
  }
  return removed;
}

/** Returns what to remove: the id, or all names of an image that has some in several repositories, whose id Docker refuses. */
function namesOf({ id, tags, repoDigests }: ImageInfo): readonly string[] {
  const repositories = new Set(
    [...tags, ...repoDigests].map((name) => name.replace(/(?:@|:(?!.*\/)).*$/, '')),
  );
  return repositories.size > 1 ? [...tags, ...repoDigests] : [id];
}

function parsed(
  flag: string,
  text: string | undefined,
  parse: (text: string) => number | undefined,
  examples: string,
): number | undefined {
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined)
    throw new UsageError(`${flag}: '${text}' is not valid`, { hint: `Write it as ${examples}.` });
  return value;
}
