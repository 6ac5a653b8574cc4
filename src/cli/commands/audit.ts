import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { auditLayer, errorsOf, type AuditReport } from '../../audit/audit-layer.js';
import { describeFinding } from '../../audit/describe-finding.js';
import { architectureOf } from '../../audit/file-rules.js';
import { readLayerFacts } from '../../audit/layer-facts.js';
import { toSarif } from '../../audit/sarif.js';
import { writeFileAtomically } from '../../core/atomic-file.js';
import { EXIT_CODES } from '../../core/errors.js';
import { VERSION } from '../../core/version.js';
import { readTree } from '../../tree/code-tree.js';
import { findManifest } from '../../layer/find-manifest.js';
import { loadAbiProfiles } from '../../platform/abi-profile.js';
import { readPlatformFile } from '../../platform/platform.js';
import { paintFor, type Paint } from '../color.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption, platformOfLayerOptions } from '../options.js';
import { platformFolders } from '../session.js';
import { size } from '../words.js';

const DEFAULT_PLATFORM = 'provided.al2023';

/** `layersmith audit`: what is wrong with a layer, ours or another's, without an engine. */
export function auditCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('layer', {
          type: 'string',
          demandOption: true,
          describe: 'Layer zip, or a folder with the content of /opt',
        })
        .options({
          ...platformOfLayerOptions,
          arch: {
            ...platformOfLayerOptions.arch,
            describe: "Architecture [default: the manifest's, or that of the layer's programs]",
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
      const layer = resolve(io.cwd, args.layer);
      const spool = join(tmpdir(), `layersmith-audit-${randomUUID()}`);
      try {
        const entries = await readTree(layer, { what: 'layer', spool });
        const facts = await readLayerFacts(entries, args['build-path']);
        const manifest = await findManifest(layer);
        const platform = args.platform ?? manifest?.platform ?? DEFAULT_PLATFORM;
        await readPlatformFile(platform, await platformFolders(io));
        const arch = args.arch ?? manifest?.architecture ?? architectureOf(facts) ?? 'x86_64';
        const info = await stat(layer);
        const report = await auditLayer(facts, {
          profiles: await loadAbiProfiles(await platformFolders(io), arch),
          platform,
          needsBootstrap: !args['no-bootstrap'],
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
      } finally {
        await rm(spool, { force: true });
      }
    },
  });
}

/** Two lines for each finding, and the verdict. */
function describe(report: AuditReport, paint: Paint): string {
  const { findings, platform, architecture, elfFiles, unzippedBytes, oldestPlatform } = report;
  const lines = findings.flatMap((finding) => [
    `${paint(finding.severity === 'error' ? 'bad' : 'warning', finding.severity.padEnd(7))}  ${describeFinding(finding)}`,
    `${' '.repeat(9)}→ ${finding.remedy}`,
  ]);
  const errors = errorsOf(report).length;
  const warnings = findings.length - errors;
  const counts = [
    ...(errors > 0 ? [plural(errors, 'error')] : []),
    ...(warnings > 0 ? [plural(warnings, 'warning')] : []),
  ].join(' and ');
  const verdict = `${errors > 0 ? paint('bad', 'refused') : paint('good', 'passed')} for ${platform} ${architecture}${counts === '' ? '' : ` with ${counts}`}: ${plural(elfFiles, 'ELF file')}, ${size(unzippedBytes)} unzipped`;
  const oldest =
    oldestPlatform === undefined
      ? 'it would run on no platform of Lambda as it is'
      : `the oldest platform on which it would run is ${oldestPlatform}`;
  return `${[...lines, verdict, oldest].join('\n')}\n`;
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
