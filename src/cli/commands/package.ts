import { join, basename, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { UsageError } from '../../core/errors.js';
import { openUserScratch } from '../../core/scratch.js';
import type { Reporter } from '../../core/reporter.js';
import { kindOfCode } from '../../tree/code-tree.js';
import { findManifest } from '../../layer/find-manifest.js';
import { writeBundle } from '../../pipeline/bundle/write-bundle.js';
import type { BundleRequest } from '../../pipeline/bundle/bundle-request.js';
import { bundleRuntime } from '../../pipeline/bundle/bundle-runtime.js';
import { loadAbiProfiles } from '../../platform/abi-profile.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { layerFile } from '../layer-files.js';
import {
  jsonOption,
  lockedOption,
  offlineOption,
  platformOptions,
  storeOption,
  testEngineOption,
} from '../options.js';
import { openRun, type RunArgs } from '../run-session.js';
import { platformFolders, reporterFor } from '../session.js';
import { size } from '../words.js';

/** Creates `layersmith package`: packs a function, or a Composer project's libraries, into a zip for Lambda. */
export function packageCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('kind', {
          choices: ['function', 'vendor'] as const,
          demandOption: true,
          describe: 'function, or vendor for a Composer project whose vendor/ becomes a layer',
        })
        .positional('folder', {
          type: 'string',
          demandOption: true,
          describe: 'Folder of the function or project',
        })
        .options({
          layer: {
            alias: 'l',
            type: 'string',
            requiresArg: true,
            describe: 'Runtime layer zip made by `build`; its PHP compiles the code',
          },
          output: {
            alias: 'o',
            type: 'string',
            requiresArg: true,
            describe: 'Zip to write [default: dist/FOLDER.zip, or dist/FOLDER-vendor.zip]',
          },
          composer: {
            type: 'string',
            requiresArg: true,
            describe: 'Path of composer.phar; runs `composer install` with the PHP of the layer',
          },
          'no-precompile': {
            type: 'boolean',
            default: false,
            describe: 'Leave out the compiled PHP: the zip then works with any layer',
          },
          toolchain: platformOptions.toolchain,
          registry: platformOptions.registry,
          ...offlineOption,
          ...testEngineOption,
          ...storeOption,
          ...lockedOption,
          ...jsonOption,
        })
        .example('$0 package function app --layer dist/php-8.4.24-provided.al2023-x86_64.zip', '')
        .example('$0 package vendor app --layer dist/php-8.4.24-*.zip --composer composer.phar', '')
        .example('$0 package function app --no-precompile', 'Only the files; needs no engine'),
    handler: async (args) => {
      const { kind, composer } = args;
      const folder = resolve(io.cwd, args.folder);
      if ((await kindOfCode(folder, 'function')) !== 'folder')
        throw new UsageError(`${args.folder} is a zip, not a folder`, { hint: 'Name the folder itself.' });
      if (composer !== undefined && kind === 'function')
        throw new UsageError('--composer works only with `package vendor`', {
          hint: 'Package the libraries as a layer, or run Composer in the folder first.',
        });
      if (args.layer === undefined && (!args['no-precompile'] || composer !== undefined))
        throw new UsageError('no layer given whose PHP compiles the package', {
          hint: 'Name the runtime layer with --layer, or pass --no-precompile.',
        });
      const name = basename(folder);
      const output = args.output ?? join('dist', kind === 'vendor' ? `${name}-vendor.zip` : `${name}.zip`);
      const reporter = reporterFor(io);
      try {
        const layer = kind === 'function' && args['no-precompile'] ? undefined : args.layer;
        const runtime = layer === undefined ? undefined : await runtimeOf(io, { ...args, layer }, reporter);
        const result = await writeBundle({
          kind,
          tmpDir: runtime?.context.store.tmpDir ?? (await openUserScratch(io.tmpDir)),
          folder,
          output: resolve(io.cwd, output),
          precompile: !args['no-precompile'],
          reporter,
          ...(runtime === undefined ? {} : { runtime }),
          ...(composer === undefined
            ? {}
            : { composer: { phar: resolve(io.cwd, composer), hasNetwork: !args.offline } }),
        });
        reporter.close();
        io.err(
          `${result.files} ${result.files === 1 ? 'file' : 'files'}${result.compiled === 0 ? '' : `, ${result.compiled} of them compiled`}\n` +
            `size ${size(result.sizeBytes)}  sha256 ${result.sha256}\n`,
        );
        io.out(args.json ? `${JSON.stringify(result)}\n` : `${result.path}\n`);
      } finally {
        reporter.close();
      }
    },
  });
}

type RuntimeArgs = Omit<RunArgs, 'platform' | 'arch'> & { readonly layer: string };

/** Returns the runtime layer and the platform of its manifest. */
async function runtimeOf(
  io: Io,
  args: RuntimeArgs,
  reporter: Reporter,
): Promise<NonNullable<BundleRequest['runtime']>> {
  const layer = await layerFile(io, args.layer);
  await kindOfCode(layer, 'layer');
  const manifest = await findManifest(layer);
  if (manifest === undefined)
    throw new UsageError(`${args.layer} has no manifest: layersmith did not build it`, {
      hint: 'Name a layer that `layersmith build` made, or use --no-precompile.',
    });
  const runtime = bundleRuntime(manifest, args.layer);
  const { platform, architecture: arch } = manifest;
  const abiProfiles = await loadAbiProfiles(await platformFolders(io), arch);
  const context = await openRun(io, { ...args, platform, arch }, reporter);
  return { path: layer, manifest, runtime, abiProfiles, context };
}
