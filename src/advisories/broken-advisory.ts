import { z } from 'zod';
import type { Advisory } from './advisory.js';

const withId = z.union([
  z.object({ id: z.string() }),
  z
    .object({ dataType: z.literal('CVE_RECORD'), cveMetadata: z.object({ cveId: z.string() }) })
    .transform(({ cveMetadata }) => ({ id: cveMetadata.cveId })),
]);

/**
 * Reads the id of an invalid OSV or CVE record, which could concern any package. Undefined for JSON without an id, which is not
 * an advisory.
 */
export function readBroken(json: unknown): Advisory | undefined {
  const parsed = withId.safeParse(json);
  if (!parsed.success) return undefined;
  return {
    id: parsed.data.id,
    aliases: [],
    summary: '',
    severity: undefined,
    namesNoPackage: 'it is neither a valid OSV nor a valid CVE record',
    verdictOn: () => undefined,
  };
}
