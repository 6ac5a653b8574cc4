import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';

/** The published schemas are in OWASP's own library, beside what it exports. */
const SCHEMAS = join(
  createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json'),
  '..',
  'res',
  'schema',
);

async function schema(name: string): Promise<object> {
  return JSON.parse(await readFile(join(SCHEMAS, name), 'utf8')) as object;
}

/** What the published schema of CycloneDX 1.6 says against a bill of materials, a line for each; none when it is valid. */
export async function judgeSbom(sbom: unknown): Promise<readonly string[]> {
  const ajv = new Ajv({ allErrors: true, strict: false });
  addFormats.default(ajv);
  // Of internationalised resource identifiers, ajv-formats has none: what we write is plain ASCII.
  ajv.addFormat('iri-reference', /^[!-~]*$/);
  ajv.addFormat('idn-email', true);
  for (const name of [
    'spdx.SNAPSHOT.schema.json',
    'jsf-0.82.SNAPSHOT.schema.json',
    'cryptography-defs.SNAPSHOT.schema.json',
  ])
    ajv.addSchema(await schema(name), `http://cyclonedx.org/schema/${name}`);
  const validate = ajv.compile(await schema('bom-1.6.SNAPSHOT.schema.json'));
  if (validate(sbom)) return [];
  return (validate.errors ?? []).map(({ instancePath, message = '' }) => `${instancePath} ${message}`);
}
