import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { EXIT_CODES, SourceError, UsageError } from '../../core/errors.js';
import { errorCodeOf } from '../../core/file-system.js';
import { loadRecipe, parseRecipeName } from '../../recipe/recipe-library.js';
import { newerReleases, readReleaseList, type ListedRelease } from '../../recipe/release-lists.js';
import { HttpFailure } from '../../source/http-failure.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, recipesOption } from '../options.js';
import { openLibrary, proxySettings } from '../session.js';

/** Creates `layersmith outdated`: compares the newest releases of recipes with lists of upstream's releases. */
export function outdatedCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('names', {
          type: 'string',
          array: true,
          default: [] as string[],
          describe: 'PACKAGE/LINE [default: all whose package has a list]',
        })
        .options({
          releases: {
            type: 'string',
            requiresArg: true,
            array: true,
            demandOption: true,
            describe:
              "List of releases, as file or URL, with its package where it does not name it: php=php.json; php.net's, GitHub's or endoflife.date's JSON; repeatable",
          },
          ...recipesOption,
          ...jsonOption,
        })
        .example("$0 outdated --releases 'https://www.php.net/releases/?json'", 'Are there newer PHPs?')
        .example('$0 outdated openssl/3.5 --releases openssl=releases.json', 'From a file'),
    handler: async (args) => {
      const lists = new Map<string, readonly ListedRelease[]>();
      for (const text of args.releases) {
        const { package: name, releases } = await openList(io, text);
        lists.set(name, [...(lists.get(name) ?? []), ...releases]);
      }
      const library = await openLibrary(io, args.recipes);
      const asked = args.names;
      const names =
        asked.length > 0 ? asked : library.names().filter((name) => lists.has(parseRecipeName(name).package));
      const results = [];
      for (const name of names) {
        const recipe = await loadRecipe(library, parseRecipeName(name));
        const list = lists.get(recipe.package);
        if (list === undefined) {
          throw new UsageError(`no list of --releases is of ${recipe.package}`, {
            hint: `Name one: --releases ${recipe.package}=FILE.`,
          });
        }
        const pinned = recipe.releases[0]?.version ?? recipe.version;
        const newer = newerReleases(list, { line: recipe.line, version: pinned });
        const newest = newer[0]?.version ?? pinned;
        const isSecurity = newer.some((release) => release.isSecurity);
        results.push({
          recipe: recipe.name,
          pinned,
          newest,
          outdated: newer.length > 0,
          security: isSecurity,
        });
      }
      const outdated = results.filter((each) => each.outdated);
      const width = Math.max(0, ...results.map(({ recipe }) => recipe.length));
      const lines = results.map(
        (each) =>
          `${each.recipe.padEnd(width)}  ${each.pinned.padEnd(8)}  ${each.outdated ? `${each.newest} is newer${each.security ? ', and fixes security holes' : ''}` : 'up to date'}`,
      );
      io.out(
        args.json
          ? `${JSON.stringify({ recipes: results })}\n`
          : `${[...lines, `${results.length} recipes compared: ${outdated.length} outdated`].join('\n')}\n`,
      );
      if (outdated.length > 0) outcome.exitCode = EXIT_CODES.outdated;
    },
  });
}

async function openList(
  io: Io,
  text: string,
): Promise<{ readonly package: string; readonly releases: readonly ListedRelease[] }> {
  const [, named, place = ''] = /^(?:([a-z0-9][a-z0-9_+-]*)=)?(.*)$/s.exec(text) ?? [];
  const list = readReleaseList(await contentOf(io, place));
  if (list === undefined) {
    throw new UsageError(`--releases: ${place} is not a list of releases`, {
      hint: "Give JSON of php.net (releases/?json), of GitHub's API (repos/OWNER/NAME/releases) or of endoflife.date.",
    });
  }
  // endoflife.date has the name in the URL alone: api/php.json.
  const [, ofFile] = /^([a-z0-9][a-z0-9_+-]*)\.json$/.exec(basename(place)) ?? [];
  const name = named ?? list.package ?? ofFile;
  if (name === undefined) {
    throw new UsageError(`--releases: ${place} does not tell which package it is of`, {
      hint: `Name it: --releases php=${place}.`,
    });
  }
  return { package: name, releases: list.releases };
}

const MAX_BYTES = 32 * 1024 ** 2;
const TIMEOUTS = { answerMs: 10_000, stallMs: 30_000 };

async function contentOf(io: Io, place: string): Promise<string> {
  if (!/^https?:\/\//.test(place)) {
    try {
      return await readFile(resolve(io.cwd, place), 'utf8');
    } catch (cause) {
      throw new UsageError(`--releases: cannot read ${place} (${errorCodeOf(cause) ?? 'unknown error'})`, {
        cause,
      });
    }
  }
  const { httpGet } = await import('../../source/http-get.js');
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    const options = {
      proxies: proxySettings(io),
      timeouts: TIMEOUTS,
      refuse: () => undefined,
      signal: io.signal,
    };
    for await (const chunk of httpGet(place, options)) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES)
        throw new SourceError(`${place} has more than ${MAX_BYTES} bytes: it is no list of releases`);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (!(cause instanceof HttpFailure)) throw cause;
    throw new SourceError(`${place} could not be downloaded: ${cause.message}`, {
      hint: 'Download it by other means, and give the file to --releases.',
      cause,
    });
  }
  return Buffer.concat(chunks).toString('utf8');
}
