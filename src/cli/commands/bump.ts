import { open, readFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { writeFileAtomically } from '../../core/atomic-file.js';
import { sha256OfFile, type Sha256 } from '../../core/digest.js';
import { IntegrityError, UsageError } from '../../core/errors.js';
import { errorCodeOf } from '../../core/file-system.js';
import { findProject } from '../../definition/project.js';
import { addRelease } from '../../recipe/add-release.js';
import { loadRecipe, parseRecipeName } from '../../recipe/recipe-library.js';
import type { Recipe } from '../../recipe/recipe.js';
import { listedDigest } from '../../recipe/release-lists.js';
import { isOfLine } from '../../recipe/release.js';
import { checkSignature } from '../check-signature.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, recipesOption } from '../options.js';
import { openLibrary, warnTo } from '../session.js';

/** Creates `layersmith bump`: adds a release to the file of a line, with the digest of its tarball. */
export function bumpCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('recipe', { type: 'string', demandOption: true, describe: 'PACKAGE/LINE' })
        .options({
          to: { type: 'string', requiresArg: true, demandOption: true, describe: 'Version of the release' },
          file: { type: 'string', requiresArg: true, demandOption: true, describe: 'Its tarball' },
          url: {
            type: 'string',
            requiresArg: true,
            array: true,
            default: [] as string[],
            describe: 'Where the tarball is downloaded from; repeatable [default: as of the newest release]',
          },
          security: {
            type: 'string',
            requiresArg: true,
            array: true,
            default: [] as string[],
            describe: 'Security hole that it fixes, CVE-…; repeatable',
          },
          digests: {
            type: 'string',
            requiresArg: true,
            describe: "Upstream's list of digests: as of sha256sum, or php.net's JSON",
          },
          signature: {
            type: 'string',
            requiresArg: true,
            describe: 'Detached OpenPGP signature of the tarball',
          },
          key: { type: 'string', requiresArg: true, describe: 'Public keys that may have signed it' },
          ...recipesOption,
          ...jsonOption,
        })
        .example('$0 bump php/8.4 --to 8.4.28 --file php-8.4.28.tar.xz --digests php.json', 'Add a release'),
    handler: async (args) => {
      const { to: version, url: urls, security } = args;
      if ((args.signature === undefined) !== (args.key === undefined))
        throw new UsageError('--signature and --key are needed together');
      const recipe = await loadRecipe(await openLibrary(io, args.recipes), parseRecipeName(args.recipe));
      if (!isOfLine(version, recipe.line)) {
        throw new UsageError(`--to: ${version} is not a release of ${recipe.name}`, {
          hint: `Name its line, or copy ${basename(recipe.path)} to a new one first.`,
        });
      }
      const tarball = resolve(io.cwd, args.file);
      await checkTarball(tarball);
      const { source, file, urls: usual } = namesOf(recipe, { version, tarball });
      const sha256 = await sha256OfFile(tarball, io.signal);
      const checks: string[] = [];
      if (args.digests !== undefined) {
        await compareDigest(resolve(io.cwd, args.digests), { names: [file, basename(tarball)], sha256 });
        checks.push(`the digest is in ${basename(args.digests)}`);
      }
      if (args.signature !== undefined && args.key !== undefined) {
        const [signature, key] = [resolve(io.cwd, args.signature), resolve(io.cwd, args.key)];
        for (const path of [signature, key]) await checkReadable(path);
        const signer = await checkSignature({ file: tarball, signature, key }, { signal: io.signal });
        if (signer === undefined) warnTo(io)('the signature was not checked: gpgv is not installed');
        else checks.push(`signed by ${signer}`);
      }
      const found = urls.length > 0 ? urls : usual;
      if (found.length === 0) {
        throw new UsageError(`the URL of ${file} does not follow from the newest release`, {
          hint: 'Name it with --url.',
        });
      }
      const comment = checks.length === 0 ? undefined : `Of the file that was added: ${checks.join(', ')}.`;
      const release = { version, security, source, file, sha256, urls: found, comment };
      const text = addRelease(await readFile(recipe.path, 'utf8'), release, recipe.path);
      const path = await targetOf(io, recipe);
      await writeFileAtomically(path, text);
      io.out(
        args.json
          ? `${JSON.stringify({ recipe: recipe.name, version, path, file, sha256, urls: found, checks })}\n`
          : `${recipe.name} ${version}: ${sha256}  ${file}\n${[...checks, `written to ${path}`].join('\n')}\n`,
      );
    },
  });
}

const MAGICS = ['1f8b', 'fd377a585a00', '425a68', '28b52ffd', '4c5a4950'];

/** Checks that a file is compressed: the page of an error, saved under the name of a tarball, is not. */
async function checkTarball(path: string): Promise<void> {
  await checkReadable(path);
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(6), 0, 6, 0);
    const start = buffer.toString('hex');
    if (MAGICS.some((magic) => start.startsWith(magic))) return;
  } finally {
    await file.close();
  }
  throw new UsageError(`--file: ${path} is not a compressed tarball`, {
    hint: 'Look into it: servers answer with a page where they do not have the file.',
  });
}

async function checkReadable(path: string): Promise<void> {
  try {
    await (await open(path)).close();
  } catch (cause) {
    throw new UsageError(`cannot read ${path} (${errorCodeOf(cause) ?? 'unknown error'})`, { cause });
  }
}

/** Returns the names of the new release's source, file and URLs: as those of the newest release, with the other version. */
function namesOf(
  { name, releases }: Recipe,
  { version, tarball }: { readonly version: string; readonly tarball: string },
): { readonly source: string; readonly file: string; readonly urls: readonly string[] } {
  const [newest] = releases;
  const [source] = newest?.sources ?? [];
  if (newest === undefined || source === undefined || newest.sources.length > 1) {
    throw new UsageError(`${name} has several sources, or none: bump adds releases of one`, {
      hint: 'Add the release to its file by hand.',
    });
  }
  const renamed = (text: string): string =>
    text
      .replaceAll(newest.version, version)
      .replaceAll(newest.version.replaceAll('.', '_'), version.replaceAll('.', '_'));
  const changes = (text: string): boolean => version === newest.version || renamed(text) !== text;
  const ending = /\.tar\.[a-z0-9]+$|\.tgz$/.exec(tarball)?.[0] ?? '';
  const like = source.alternatives.find((file) => ending !== '' && file.name.endsWith(ending));
  if (like === undefined || !changes(like.name))
    return { source: source.name, file: basename(tarball), urls: [] };
  return {
    source: source.name,
    file: renamed(like.name),
    urls: like.urls.filter(changes).map(renamed),
  };
}

async function compareDigest(
  path: string,
  { names, sha256 }: { readonly names: readonly string[]; readonly sha256: Sha256 },
): Promise<void> {
  await checkReadable(path);
  const listed = listedDigest(await readFile(path, 'utf8'), names);
  if (listed === undefined) {
    throw new UsageError(`--digests: ${path} has no sha256 of ${[...new Set(names)].join(' or ')}`, {
      hint: "Give a list as of sha256sum, or php.net's JSON, that has the file.",
    });
  }
  if (listed === sha256) return;
  throw new IntegrityError(`the sha256 of the tarball is not the one in ${path}`, {
    details: { expected: listed, actual: sha256 },
    hint: 'Download the tarball and the list again, from upstream. Nothing was written.',
  });
}

/** Returns the file to write: the recipe's own, or for one that comes with layersmith a copy in the project's `recipes/`. */
async function targetOf(io: Io, { path, package: name, line }: Recipe): Promise<string> {
  const { folder } = await findProject(io.cwd);
  const isBuiltIn = !relative(join(io.packageRoot, 'recipes'), path).startsWith('..');
  const isOurs = resolve(folder) === resolve(io.packageRoot);
  return isBuiltIn && !isOurs ? join(folder, 'recipes', name, `${line}.yaml`) : path;
}
