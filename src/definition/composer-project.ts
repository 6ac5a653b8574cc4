import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { describeParseError } from '../core/parse-error.js';

/** What a Composer project and its packages ask of the platform. */
export interface ComposerProject {
  /** The project's own name, without its vendor. */
  readonly name: string;
  /** Constraints on the version of PHP, and who has each. */
  readonly php: readonly { readonly constraint: string; readonly by: string }[];
  /** The extensions, by the names of their modules, and who asks for each: `composer.json` or names of packages. */
  readonly extensions: ReadonlyMap<string, readonly string[]>;
  /** The extensions that a package replaces with code of its own, such as a polyfill. */
  readonly replaced: ReadonlySet<string>;
}

/** PHP writes an empty object as an empty list. */
const links = z
  .union([z.record(z.string(), z.string()), z.array(z.never()).transform(() => ({}))])
  .default({});

const composerPackage = z.object({
  name: z.string().optional(),
  require: links,
  provide: links,
  replace: links,
});

const composerLock = z.object({ packages: z.array(composerPackage).default([]), platform: links });

type Package = z.infer<typeof composerPackage>;

/** What Composer calls an extension whose module has another name. */
const MODULES: Readonly<Record<string, string>> = { 'zend-opcache': 'opcache' };

/**
 * Reads what the composer.json and composer.lock of a folder ask for. Packages for development are left out. Undefined if
 * neither file exists. Throws UsageError for a file that is not Composer's.
 */
export async function readComposerProject(folder: string): Promise<ComposerProject | undefined> {
  const root = await readJson(join(folder, 'composer.json'), composerPackage);
  const lock = await readJson(join(folder, 'composer.lock'), composerLock);
  if (root === undefined && lock === undefined) return undefined;
  const all: readonly (readonly [string, Pick<Package, 'require'> & Partial<Package>])[] = [
    ...(root === undefined ? [] : [['composer.json', root] as const]),
    // The lock repeats what composer.json requires. It counts if that file is missing.
    ...(root === undefined && lock !== undefined
      ? [['composer.lock', { require: lock.platform }] as const]
      : []),
    ...(lock?.packages ?? []).map((each) => [each.name ?? 'a package', each] as const),
  ];
  const extensions = new Map<string, string[]>();
  const php: { constraint: string; by: string }[] = [];
  for (const [by, { require }] of all) {
    for (const [name, constraint] of Object.entries(require)) {
      const extension = extensionOf(name);
      if (extension !== undefined) extensions.set(extension, [...(extensions.get(extension) ?? []), by]);
      else if (/^php(-64bit)?$/i.test(name)) php.push({ constraint, by });
    }
  }
  const others = all.flatMap(([, each]) => Object.keys({ ...each.provide, ...each.replace }));
  return {
    name: (root?.name ?? '').split('/').at(-1) || basename(folder),
    php,
    extensions: new Map([...extensions].sort(([a], [b]) => (a < b ? -1 : 1))),
    replaced: new Set(others.flatMap((name) => extensionOf(name) ?? [])),
  };
}

/** The name of the extension that `ext-intl` stands for. Undefined for any other package. */
function extensionOf(requirement: string): string | undefined {
  const [, name] = /^ext-(.+)$/.exec(requirement.toLowerCase()) ?? [];
  return name === undefined ? undefined : (MODULES[name] ?? name);
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    if (errorCodeOf(cause) === 'ENOENT') return undefined;
    throw new UsageError(`cannot read ${path}: ${errorCodeOf(cause) ?? describeParseError(cause)}`, {
      hint: 'Run `composer validate` in its folder, and correct the file.',
      cause,
    });
  }
}
