import type { Log, Result } from 'sarif';
import type { AuditReport } from './audit-layer.js';
import { describeFinding } from './describe-finding.js';
import { RULES, type Finding, type RuleName } from './rules.js';

/**
 * Formats a report as SARIF 2.1.0 (OASIS) for code scanning: one result for each finding, located at the file of the layer.
 * `layer` is the name of the zip, the location of findings about the layer as a whole.
 */
export function toSarif(
  { findings }: AuditReport,
  { layer, version }: { readonly layer: string; readonly version: string },
): Log {
  const names = Object.keys(RULES) as RuleName[];
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'layersmith audit',
            semanticVersion: version,
            rules: names.map((id) => ({
              id,
              shortDescription: { text: RULES[id].title },
              fullDescription: { text: RULES[id].why },
            })),
          },
        },
        results: findings.map((finding) => resultOf(finding, { names, layer })),
      },
    ],
  };
}

function resultOf(
  finding: Finding,
  { names, layer }: { readonly names: readonly RuleName[]; readonly layer: string },
): Result {
  const { rule, severity, path, remedy } = finding;
  const uri = (path ?? layer).split('/').map(encodeURIComponent).join('/');
  return {
    ruleId: rule,
    ruleIndex: names.indexOf(rule),
    level: severity,
    message: { text: `${describeFinding(finding)} ${remedy}` },
    locations: [{ physicalLocation: { artifactLocation: { uri } } }],
  };
}
