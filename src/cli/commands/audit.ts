import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { auditLayer, errorsOf, type AuditReport } from '../../audit/audit-layer.js';
import { describeFinding } from '../../audit/describe-finding.js';
import { architectureOf } from '../../audit/file-rules.js';
import { groupFindings, type FindingGroup } from '../../audit/group-findings.js';
import { readLayerFacts } from '../../audit/layer-facts.js';
import { RULES } from '../../audit/rules.js';
import { toSarif } from '../../audit/sarif.js';
import { writeFileAtomically } from '../../core/atomic-file.js';
import { EXIT_CODES } from '../../core/errors.js';
import { openUserScratch } from '../../core/scratch.js';
import { VERSION } from '../../core/version.js';
import { readTree } from '../../tree/code-tree.js';
import { findManifest } from '../../layer/find-manifest.js';
import { programAtFixedAddress } from '../../layer/manifest.js';
import { loadAbiProfiles } from '../../platform/abi-profile.js';
import { readPlatformFile } from '../../platform/platform.js';
import { paintFor, type Paint } from '../color.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import type { Io } from '../io.js';
import { layerFile } from '../layer-files.js';
import { jsonOption, platformOfLayerOptions } from '../options.js';
import { platformFolders, warnTo } from '../session.js';
import { size } from '../words.js';

const DEFAULT_PLATFORM = 'provided.al2023';

/** How many reasons why a layer runs on no platform are shown. --json prints all. */
const SHOWN_REASONS = 3;

/** Creates `layersmith audit`: checks any layer, without a container engine. */
export function auditCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('layer', {
          type: 'string',
          demandOption: true,
          describe: 'Layer zip, a folder with the content of /opt, or a layer of layersmith.yaml',
        })
        .options({
          ...platformOfLayerOptions,
          arch: {
            ...platformOfLayerOptions.arch,
            describe: "Architecture [default: from the manifest or the layer's ELF files]",
          },
          'no-bootstrap': {
            type: 'boolean',
            default: false,
            describe: 'Accept a layer without a bootstrap: it only adds files',
          },
          'build-path': {
            type: 'string',
            requiresArg: true,
            array: true,
            default: [] as string[],
            describe: 'Path that no file may contain; repeatable',
          },
          sarif: {
            type: 'string',
            requiresArg: true,
            describe: 'Also write the findings to this file, as SARIF 2.1.0',
          },
          ...jsonOption,
        })
        .example('$0 audit dist/php-8.4.24-provided.al2023-x86_64.zip', 'For the platform of its manifest')
        .example(
          '$0 audit their-layer.zip --platform provided.al2 --sarif audit.sarif',
          'A third-party layer',
        ),
    handler: async (args) => {
      const layer = await layerFile(io, args.layer);
      await using tree = await readTree(layer, {
        what: 'layer',
        tmpDir: await openUserScratch(io.tmpDir),
        warn: warnTo(io),
      });
      const facts = await readLayerFacts(tree.entries, args['build-path']);
      const manifest = await findManifest(layer);
      const platform = args.platform ?? manifest?.platform ?? DEFAULT_PLATFORM;
      await readPlatformFile(platform, await platformFolders(io));
      const arch = args.arch ?? manifest?.architecture ?? architectureOf(facts) ?? 'x86_64';
      const info = await stat(layer);
      const report = await auditLayer(facts, {
        profiles: await loadAbiProfiles(await platformFolders(io), arch),
        platform,
        needsBootstrap: !args['no-bootstrap'],
        fixedAddress: manifest && programAtFixedAddress(manifest),
        zipBytes: info.isFile() ? info.size : undefined,
      });
      if (args.sarif !== undefined) {
        const log = toSarif(report, { layer: basename(layer), version: VERSION });
        const file = resolve(io.cwd, args.sarif);
        await writeFileAtomically(file, `${JSON.stringify(log, undefined, 2)}\n`);
      }
      io.out(
        args.json
          ? `${JSON.stringify({ layer, ...report })}\n`
          : describe(report, paintFor({ isTerminal: io.outIsTerminal, env: io.env })),
      );
      if (errorsOf(report).length > 0) outcome.exitCode = EXIT_CODES.layer;
    },
  });
}

/** Formats the findings, the verdict, and the platforms on which the layer runs. */
function describe(report: AuditReport, paint: Paint): string {
  const { findings, platform, architecture, elfFiles, unzippedBytes } = report;
  const lines = groupFindings(findings).flatMap((group) => describeGroup(group, paint));
  const errors = errorsOf(report).length;
  const warnings = findings.length - errors;
  const counts = [
    ...(errors > 0 ? [plural(errors, 'error')] : []),
    ...(warnings > 0 ? [plural(warnings, 'warning')] : []),
  ].join(' and ');
  const verdict = `${errors > 0 ? paint('bad', 'refused') : paint('good', 'passed')} for ${platform} ${architecture}${counts === '' ? '' : ` with ${counts}`}: ${plural(elfFiles, 'ELF file')}, ${size(unzippedBytes)} unzipped`;
  return `${[...lines, verdict, ...whereItRuns(report)].join('\n')}\n`;
}

/** Formats a finding (one line per file when there are several), followed by its remedy. */
function describeGroup({ finding, paths }: FindingGroup, paint: Paint): readonly string[] {
  const severity = paint(finding.severity === 'error' ? 'bad' : 'warning', finding.severity.padEnd(7));
  const indent = ' '.repeat(9);
  const remedy = `${indent}→ ${finding.remedy}`;
  if (paths.length === 1) return [`${severity}  ${describeFinding(finding)}`, remedy];
  const { path: _path, neededBy: _neededBy, ...common } = finding;
  const title = `${severity}  ${plural(paths.length, 'file')}: ${describeFinding({ ...common, path: undefined })}`;
  return [title, ...paths.map((path) => `${indent}  ${path}`), remedy];
}

function whereItRuns(report: AuditReport): readonly string[] {
  const { oldestPlatform, stoppedBy } = report;
  if (stoppedBy === undefined) {
    return [
      errorsOf(report).some(({ rule }) => !RULES[rule].stopsIt)
        ? `refused for every platform until these errors are fixed; after that it runs on ${oldestPlatform ?? 'none'} and later`
        : `the oldest platform on which it runs: ${oldestPlatform ?? 'not known'}`,
    ];
  }
  const groups = groupFindings(stoppedBy.findings);
  const hidden = groups.length - SHOWN_REASONS;
  return [
    `it runs on no Lambda platform as it is; ${plural(stoppedBy.findings.length, 'error')} on the newest, ${stoppedBy.platform}:`,
    ...groups
      .slice(0, SHOWN_REASONS)
      .map(({ finding, paths }) => `  ${paths[0] ?? 'the layer'}: ${finding.message} [${finding.rule}]`),
    ...(hidden > 0 ? [`  and ${hidden} more`] : []),
    ...(stoppedBy.findings.some(({ rule }) => rule === 'missing-library')
      ? ['  (only libraries present in every Lambda sandbox count as present)']
      : []),
  ];
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
