import { z } from 'zod';
import { isSha256 } from '../core/digest.js';
import { LAYER_MODES } from '../core/layer-mode.js';
import { compareVersions, parseVersion } from '../core/version-order.js';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.+-]*$/, 'a name consists of lower-case letters, digits, dots and dashes');

/** A package, or a package and its line. */
export const needName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_+-]*(\/[a-z0-9][a-z0-9.+-]*)?$/, 'a need is `package` or `package/line`');

const sha256 = z
  .string()
  .refine(isSha256, 'a sha256 has 64 lower-case hexadecimal digits (quote it if it is a number)');

/** Versions are texts, but YAML reads an unquoted `8.4` as a number: the message says to quote it. */
const versionText = z.string({
  error: (issue) =>
    typeof issue.input === 'number' ? 'quote the version: YAML reads it as a number' : undefined,
});

const version = versionText.regex(/^[0-9][0-9A-Za-z.+-]*$/, 'a version starts with a digit');

/**
 * Settings of the interpreter, by name. Values are what stands behind the equals sign of a line: no line breaks, no double
 * quotes, and no `${`, which PHP would replace.
 */
export const iniSettings = z.record(
  z
    .string()
    .regex(
      /^[A-Za-z_][A-Za-z0-9_.]*$/,
      'the name of a setting consists of letters, digits, dots and underscores',
    ),
  z
    .union([z.string(), z.number(), z.boolean()])
    .transform((value) => (typeof value === 'boolean' ? (value ? 'On' : 'Off') : String(value)))
    .refine((value) => !/["\r\n\0]|\$\{/.test(value), 'a setting has no double quotes, line breaks or `${`'),
);

const date = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'a date is YYYY-MM-DD');

/** A path as archives write it: `./bootstrap` would be another name for `bootstrap`. */
export const pathBelowOpt = z
  .string()
  .refine(
    (path) => path.split('/').every((part) => !['', '.', '..'].includes(part)),
    'a path is relative to /opt, without `.`, `..` and empty parts',
  );

const pathInSource = z
  .string()
  .refine(
    (path) => !path.startsWith('/') && !path.split('/').includes('..'),
    'a path is relative to the source',
  );

/** Manifests, SBOMs and provenance publish the URLs, so they hold no credentials. */
const url = z.url({ protocol: /^https?$/ }).refine((text) => {
  // A text that is not a URL has its own message.
  if (!URL.canParse(text)) return true;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}, 'a URL must not contain a user name or a password, because layers publish it');

/** The vendor and product of a CPE 2.3 name, without characters that need quoting there. */
const cpe = z.string().regex(/^[a-z0-9][a-z0-9._-]*:[a-z0-9][a-z0-9._-]*$/, 'a cpe is `vendor:product`');

/** The name of a bundled project. */
const bundleName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._+-]*$/,
    'a name consists of lower-case letters, digits, dots, dashes and underscores',
  );

const bundledVersion = versionText.regex(
  /^(unknown|[0-9][0-9A-Za-z.+-]*)$/,
  'a version starts with a digit; it is `unknown` if the sources do not contain it',
);

/** A regular expression whose groups are the parts of a version: `MAJOR (\\d+)\\s+MINOR (\\d+)`. */
const versionPattern = z.string().refine((text) => {
  try {
    // The empty alternative always matches, so the result has one entry for each group.
    return (new RegExp(`${text}|`).exec('')?.length ?? 0) > 1;
  } catch {
    return false;
  }
}, 'a pattern is a regular expression with a group for each part of the version');

/** A copy of another project in a package's sources. */
const bundle = z.strictObject({
  license: z.string(),
  homepage: url.optional(),
  cpe: cpe.optional(),
  from: z.array(pathInSource).min(1),
  pattern: versionPattern.optional(),
});

/** An SPDX expression. `licence` is a deprecated alias, used by recipes for layersmith 0.1.0. */
const licenseKeys = {
  license: z.string().optional(),
  licence: z.string().optional().meta({ deprecated: true }),
};

/** Rejects a file that has both spellings of the key. */
function hasOneSpelling(file: { readonly license?: unknown; readonly licence?: unknown }): boolean {
  return file.license === undefined || file.licence === undefined;
}

const BOTH_SPELLINGS = { path: ['licence'], error: 'remove `licence`, the old spelling of `license`' };

const pinnedFile = z.strictObject({
  file: z.string().regex(/^[^/]+$/, 'a file name, without folders'),
  sha256,
  urls: z.array(url),
  debian: z
    .string()
    .regex(
      /^pool\/(updates\/)?main\/([a-z0-9][a-z0-9.+-]*\/){2}[A-Za-z0-9][A-Za-z0-9.+~_-]*$/,
      'a path in the pool of a Debian archive, without a host: pool/main/p/php8.4/php8.4_8.4.24.orig.tar.xz',
    )
    .optional(),
});

const sources = z.record(name, z.array(pinnedFile).min(1, 'at least one pinned file is required'));

/** The projects whose copies are in the first source, with their versions. */
const bundles = z.record(bundleName, bundledVersion);

const advisoryId = z
  .string()
  .regex(/^[A-Z][A-Z0-9]*-[A-Za-z0-9-]+$/, 'an advisory is CVE-YEAR-NUMBER or GHSA-…');

/**
 * Patches from other sources, by the name of the source and the path in its tree, in the order in which they are applied. Each
 * has the security holes that it closes.
 */
const patches = z.record(
  name,
  z.record(pathInSource.regex(/^\S+$/, 'the path of a patch has no spaces'), z.array(advisoryId)),
);

/** One release of a line. `security` names the holes that the next older release in the list has and this one does not. */
const release = z.strictObject({
  version,
  security: z.array(advisoryId).default([]),
  sources,
  patches: patches.default({}),
  bundles: bundles.optional(),
});

const program = z.strictObject({
  name: z.string(),
  run: z.array(z.string()).min(1, 'at least the program is required'),
  stdout: z.array(z.string()).default([]),
});

const invocation = z
  .strictObject({
    name: z.string(),
    handler: z.string(),
    mode: z.enum(LAYER_MODES).default('function'),
    event: z.json(),
    times: z.int().positive().default(1),
    result: z.json().optional(),
    error: z.strictObject({ errorType: z.string(), errorMessage: z.string() }).optional(),
  })
  .refine(
    (value) => (value.result === undefined) !== (value.error === undefined),
    'either `result` or `error` is required',
  );

const layerFiles = z.array(pathBelowOpt).min(1);

/** Versions of the interpreter: from one, inclusive, up to another, exclusive. */
const supports = z.strictObject({ from: version.optional(), before: version.optional() });

/** The name of a package. Extensions have the name that PHP knows them by: `pdo_pgsql`. */
const packageName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_+-]*$/,
    'a package consists of lower-case letters, digits, plus signs, dashes and underscores',
  );

/** Lines of packages, where a need names none. */
const lines = z.record(packageName, version);

/**
 * How the interpreter's program starts: `hardened`, at a random address, or `fastest`, at a fixed one, for which the loader has
 * less to do.
 */
export const STARTS = ['hardened', 'fastest'] as const;
export type Start = (typeof STARTS)[number];

const extension = z
  .strictObject({
    of: packageName,
    order: z.int().min(10).max(89).default(20),
    zend: z.boolean().default(false),
    ini: iniSettings.default({}),
    conflicts: z.array(packageName).default([]),
    requires: z.array(packageName).default([]),
    files: layerFiles.optional(),
    module: z.boolean().default(true),
    bundled: z.boolean().default(false),
    /** The ways in which a program can start, of which a layer definition chooses one. The first is the default. */
    starts: z.array(z.enum(STARTS)).min(1).optional(),
    /** Only of bundled ones; others say it in their lines. */
    supports: supports.optional(),
    needs: z.array(needName).optional(),
  })
  .refine((value) => value.bundled || (value.supports === undefined && value.needs === undefined), {
    error: '`supports` and `needs` belong in the files of its lines, except for a bundled extension',
  });

const options = z
  .record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'the name of an option is in upper case'), z.string())
  .default({});

/** Smoke tests in place of those of package.yaml. */
const smokeOverrides = z.strictObject({
  programs: z.array(program).optional(),
  invocations: z.array(invocation).optional(),
});

/** The schema of recipes/PACKAGE/LINE.yaml: the pins of one version line, and what it overrides of its package. */
export const lineSchema = z
  .strictObject({
    version: version.optional(),
    ...licenseKeys,
    endOfLife: date.optional(),
    bundles: bundles.optional(),
    needs: z.array(needName).default([]),
    lines: lines.default({}),
    supports: supports.optional(),
    options,
    sources: sources.optional(),
    patches: patches.optional(),
    releases: z.array(release).min(1, 'at least one release is required').optional(),
    layer: z
      .strictObject({ files: z.array(pathBelowOpt).optional(), extensions: z.array(packageName).optional() })
      .optional(),
    smoke: smokeOverrides.optional(),
  })
  .refine(hasOneSpelling, BOTH_SPELLINGS)
  .check(
    // Without `when`, zod would skip this check if the file has other problems.
    z.core._check(hasReleases, {
      when: ({ value }) => typeof value === 'object' && value !== null,
    }),
  );

/** The keys that a line with one release has in place of `releases`, with the type of those that it must have. */
const OWN_KEYS = [
  ['version', 'string'],
  ['sources', 'record'],
  ['patches', undefined],
] as const;

/**
 * Checks that a line has either `version` and `sources`, for one release, or `releases`, each once and newest first. Other
 * checks may have failed before.
 */
function hasReleases({ value, issues }: z.core.ParsePayload): void {
  const line = value as Readonly<Record<string, unknown>>;
  for (const [key, expected] of OWN_KEYS) {
    const isThere = line[key] !== undefined;
    if (line['releases'] === undefined) {
      if (!isThere && expected !== undefined)
        issues.push({ code: 'invalid_type', expected, input: undefined, path: [key] });
    } else if (isThere) {
      const message = 'each of `releases` has its own: remove this one';
      issues.push({ code: 'custom', input: line[key], path: [key], message });
    }
  }
  const versions = z.array(z.looseObject({ version })).safeParse(line['releases']);
  for (const [index, { version: later }] of versions.data?.entries() ?? []) {
    const earlier = versions.data?.[index - 1]?.version;
    const order = earlier === undefined ? 1 : orderOf(earlier, later);
    if (order > 0) continue;
    const message =
      order === 0 ? `${later} is listed twice` : `${later} is newer than the release above it: newest first`;
    issues.push({ code: 'custom', input: later, path: ['releases', index, 'version'], message });
  }
}

/** Compares two versions: positive if the first is newer. Versions of an unknown form count as in order unless they are equal. */
function orderOf(a: string, b: string): number {
  const [left, right] = [parseVersion(a, ''), parseVersion(b, '')];
  if (left === undefined || right === undefined) return Number(a !== b);
  return compareVersions(left, right);
}

/** A variant of every line of an interpreter: options for its build, and what is missing from it because of them. */
const variant = z.strictObject({
  summary: z.string(),
  options,
  without: z
    .strictObject({
      needs: z.array(packageName).default([]),
      bundles: z.array(bundleName).default([]),
      extensions: z.array(packageName).default([]),
    })
    .prefault({}),
  smoke: smokeOverrides.optional(),
});

/** The schema of recipes/PACKAGE/package.yaml: what is the same for every line of the package. */
export const packageSchema = z
  .strictObject({
    kind: z.enum(['library', 'extension', 'interpreter', 'tool']),
    summary: z.string(),
    homepage: url.optional(),
    bundles: z.record(bundleName, bundle).default({}),
    ...licenseKeys,
    cpe: cpe.optional(),
    default: version.optional(),
    extension: extension.optional(),
    layer: z
      .strictObject({
        interpreter: name,
        files: layerFiles,
        parts: z.array(packageName).default([]),
        extensions: z.array(packageName).default([]),
      })
      .optional(),
    smoke: z
      .strictObject({ programs: z.array(program).default([]), invocations: z.array(invocation).default([]) })
      .optional(),
    variants: z
      .record(
        z.string().regex(/^[a-z][a-z0-9]*$/, 'a variant consists of lower-case letters and digits'),
        variant,
      )
      .default({}),
  })
  .refine(
    (value) => value.kind !== 'interpreter' || (value.layer !== undefined && value.smoke !== undefined),
    'an interpreter requires `layer` and `smoke`',
  )
  .refine((value) => value.kind === 'interpreter' || Object.keys(value.variants).length === 0, {
    path: ['variants'],
    error: 'only an interpreter has variants',
  })
  .refine((value) => (value.kind === 'extension') === (value.extension !== undefined), {
    error: '`extension` is required for an extension, and only for one',
  })
  .refine((value) => value.kind !== 'extension' || value.smoke !== undefined, {
    error: 'an extension requires `smoke`, with a program that uses it',
  })
  .refine((value) => (value.default === undefined) === (value.extension !== undefined), {
    path: ['default'],
    error:
      '`default` names the line that is used where none is named. An extension has none: the newest line that supports the interpreter is used',
  })
  .refine(hasOneSpelling, BOTH_SPELLINGS)
  .refine((value) => value.license !== undefined || value.licence !== undefined, {
    path: ['license'],
    error: '`license` is missing: an SPDX expression expected',
    // Without `when`, zod would skip this check if the file has other problems.
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

/** The content of recipes/PACKAGE/LINE.yaml. */
export type LineFile = z.infer<typeof lineSchema>;
/** The content of recipes/PACKAGE/package.yaml. */
export type PackageFile = z.infer<typeof packageSchema>;
