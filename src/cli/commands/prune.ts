import type { Argv } from 'yargs';
import { EXIT_CODES } from '../../core/errors.js';
import { connectAws } from '../../publish/connect-aws.js';
import { awsAccessOf, checkName, describeFailures, inRegions } from '../aws-session.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import { numberFrom } from '../function-session.js';
import type { Io } from '../io.js';
import { awsOptions, jsonOption, regionsOption } from '../options.js';

/** `layersmith prune`: deletes old versions of a layer. Exit code 77 when a region failed. */
export function pruneCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .options({
          name: { type: 'string', requiresArg: true, demandOption: true, describe: "The layer's name" },
          keep: {
            type: 'number',
            requiresArg: true,
            demandOption: true,
            describe: 'How many of the newest stay, 1 at least',
          },
          'dry-run': { type: 'boolean', default: false, describe: 'Only say what would be deleted' },
          ...regionsOption,
          ...awsOptions,
          ...jsonOption,
        })
        .example('$0 prune --name php84 --keep 5 --region eu-west-1 --dry-run', ''),
    handler: async (args) => {
      checkName(args.name, 'layer');
      const keep = numberFrom('--keep', { value: args.keep, least: 1, most: 1_000_000 });
      const access = awsAccessOf(io, args);
      const outcomes = await inRegions(args.region, async (asked) => {
        const { layers: registry } = await connectAws(asked, { access, signal: io.signal });
        const versions = await registry.versions(args.name);
        const old = versions.slice(keep);
        for (const { arn, version } of [...old].reverse()) {
          if (!args['dry-run']) await registry.remove(args.name, version);
          if (!args.json) io.out(`${args['dry-run'] ? 'would be deleted' : 'deleted'} ${arn}\n`);
        }
        io.err(`${registry.region}: ${versions.length - old.length} of ${versions.length} versions stay\n`);
        return { region: registry.region, deleted: old.map(({ arn }) => arn).reverse() };
      });
      io.err(describeFailures(outcomes));
      const regions = outcomes.flatMap(({ result }) => (result === undefined ? [] : [result]));
      if (args.json) io.out(`${JSON.stringify({ name: args.name, dryRun: args['dry-run'], regions })}\n`);
      if (regions.length < outcomes.length) outcome.exitCode = EXIT_CODES.publish;
    },
  });
}
