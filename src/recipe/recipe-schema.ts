import { z } from 'zod';
import { isSha256 } from '../core/digest.js';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.+-]*$/, 'a name consists of lower-case letters, digits, dots and dashes');

/** A package, or a package and its line. */
export const needName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9+_-]*(\/[a-z0-9][a-z0-9.+-]*)?$/, 'a need is `package` or `package/line`');

const sha256 = z
  .string()
  .refine(isSha256, 'a sha256 has 64 lower-case hexadecimal digits (quote it if it is a number)');

/** Versions are texts, but YAML reads an unquoted `8.4` as a number: the message says to quote it. */
const version = z
  .string({
    error: (issue) =>
      typeof issue.input === 'number' ? 'quote the version: YAML reads it as a number' : undefined,
  })
  .regex(/^[0-9][0-9A-Za-z.+-]*$/, 'a version starts with a digit');

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

/** Manifests, SBOMs and provenance publish the URLs, so they hold no credentials. */
const url = z.url({ protocol: /^https?$/ }).refine((text) => {
  // A text that is not a URL has its own message.
  if (!URL.canParse(text)) return true;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}, 'a URL must not contain a user name or a password, because layers publish it');

/** The vendor and product of a CPE 2.3 name, without characters that need quoting there. */
const cpe = z.string().regex(/^[a-z0-9][a-z0-9._-]*:[a-z0-9][a-z0-9._-]*$/, 'a cpe is `vendor:product`');

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

/** The name of a package. Modules of PHP have underscores: `pdo_pgsql`. */
const packageName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9+_-]*$/,
    'a package consists of lower-case letters, digits, plus signs, underscores and dashes',
  );

/** Lines of packages, where a need names none. */
const lines = z.record(packageName, version);

const extension = z
  .strictObject({
    of: packageName,
    order: z.int().min(10).max(89).default(20),
    zend: z.boolean().default(false),
    ini: iniSettings.default({}),
    conflicts: z.array(packageName).default([]),
    files: layerFiles.optional(),
    bundled: z.boolean().default(false),
    /** Only of bundled ones; others say it in their lines. */
    supports: supports.optional(),
    needs: z.array(needName).optional(),
  })
  .refine((value) => value.bundled || (value.supports === undefined && value.needs === undefined), {
    error: '`supports` and `needs` belong in the files of its lines, except for a bundled extension',
  });

/** The schema of recipes/PACKAGE/LINE.yaml: the pins of one version line, and what it overrides of its package. */
export const lineSchema = z
  .strictObject({
    version,
    ...licenseKeys,
    endOfLife: date.optional(),
    needs: z.array(needName).default([]),
    lines: lines.default({}),
    supports: supports.optional(),
    options: z
      .record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'the name of an option is in upper case'), z.string())
      .default({}),
    sources: z.record(name, z.array(pinnedFile).min(1, 'at least one pinned file is required')),
    layer: z
      .strictObject({ files: layerFiles.optional(), extensions: z.array(packageName).optional() })
      .optional(),
    smoke: z
      .strictObject({ programs: z.array(program).optional(), invocations: z.array(invocation).optional() })
      .optional(),
  })
  .refine(hasOneSpelling, BOTH_SPELLINGS);

/** The schema of recipes/PACKAGE/package.yaml: what is the same for every line of the package. */
export const packageSchema = z
  .strictObject({
    kind: z.enum(['library', 'extension', 'interpreter', 'tool']),
    summary: z.string(),
    homepage: url.optional(),
    ...licenseKeys,
    cpe: cpe.optional(),
    default: version.optional(),
    extension: extension.optional(),
    layer: z
      .strictObject({
        interpreter: name,
        files: layerFiles,
        extensions: z.array(packageName).default([]),
      })
      .optional(),
    smoke: z
      .strictObject({ programs: z.array(program).default([]), invocations: z.array(invocation).default([]) })
      .optional(),
  })
  .refine(
    (value) => value.kind !== 'interpreter' || (value.layer !== undefined && value.smoke !== undefined),
    'an interpreter requires `layer` and `smoke`',
  )
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
