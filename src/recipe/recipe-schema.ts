import { z } from 'zod';
import { isSha256 } from '../core/digest.js';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.+-]*$/, 'a name has lower-case letters, digits, dots and dashes');

const needName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9+-]*(\/[a-z0-9][a-z0-9.+-]*)?$/, 'a need is `package` or `package/line`');

const sha256 = z
  .string()
  .refine(isSha256, 'a sha256 has 64 lower-case hexadecimal digits (quote it if it is a number)');

/** YAML reads `8.4` as a number: versions are wanted as texts, and this says so. */
const version = z
  .string({
    error: (issue) =>
      typeof issue.input === 'number' ? 'quote the version: YAML reads it as a number' : undefined,
  })
  .regex(/^[0-9][0-9A-Za-z.+-]*$/, 'a version starts with a digit');

const date = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'a date is YYYY-MM-DD');

const pathBelowOpt = z
  .string()
  .refine((path) => !path.startsWith('/') && !path.split('/').includes('..'), 'a path is relative to /opt');

const url = z.url({ protocol: /^https?$/ });

/** The two parts of a CPE 2.3 name that do not change with the version; without what would need quoting there. */
const cpe = z.string().regex(/^[a-z0-9][a-z0-9._-]*:[a-z0-9][a-z0-9._-]*$/, 'a cpe is `vendor:product`');

/** An SPDX expression. `licence` is an alias that recipes of layersmith 0.1.0 have. */
const licenseKeys = {
  license: z.string().optional(),
  licence: z.string().optional().meta({ deprecated: true }),
};

/** Refuses a file that spells the key in both ways. */
function hasOneSpelling(file: { readonly license?: unknown; readonly licence?: unknown }): boolean {
  return file.license === undefined || file.licence === undefined;
}

const BOTH_SPELLINGS = { path: ['licence'], error: 'give `license` alone: `licence` is its old spelling' };

const pinnedFile = z.strictObject({
  file: z.string().regex(/^[^/]+$/, 'a file name, without folders'),
  sha256,
  urls: z.array(url),
});

const program = z.strictObject({
  name: z.string(),
  run: z.array(z.string()).min(1, 'at least the program'),
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
    'give either `result` or `error`',
  );

const layerFiles = z.array(pathBelowOpt).min(1);

/** recipes/PACKAGE/LINE.yaml: the pins of one version line, and what it has in place of its package's. */
export const lineSchema = z
  .strictObject({
    version,
    ...licenseKeys,
    endOfLife: date.optional(),
    needs: z.array(needName).default([]),
    options: z
      .record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'an option is in capitals'), z.string())
      .default({}),
    sources: z.record(name, z.array(pinnedFile).min(1, 'at least one pinned file')),
    layer: z.strictObject({ files: layerFiles.optional() }).optional(),
    smoke: z
      .strictObject({ programs: z.array(program).optional(), invocations: z.array(invocation).optional() })
      .optional(),
  })
  .refine(hasOneSpelling, BOTH_SPELLINGS);

/** recipes/PACKAGE/package.yaml: what is the same for every line of the package. */
export const packageSchema = z
  .strictObject({
    kind: z.enum(['library', 'interpreter', 'tool']),
    summary: z.string(),
    homepage: url.optional(),
    ...licenseKeys,
    cpe: cpe.optional(),
    default: version,
    layer: z.strictObject({ interpreter: name, files: layerFiles }).optional(),
    smoke: z
      .strictObject({ programs: z.array(program).default([]), invocations: z.array(invocation).default([]) })
      .optional(),
  })
  .refine(
    (value) => value.kind !== 'interpreter' || (value.layer !== undefined && value.smoke !== undefined),
    'an interpreter has a `layer` and a `smoke`',
  )
  .refine(hasOneSpelling, BOTH_SPELLINGS)
  .refine((value) => value.license !== undefined || value.licence !== undefined, {
    path: ['license'],
    error: '`license` is missing: an SPDX expression expected',
    // Reported together with every other problem of the file.
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

export type LineFile = z.infer<typeof lineSchema>;
export type PackageFile = z.infer<typeof packageSchema>;
