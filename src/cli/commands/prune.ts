import type { Argv } from 'yargs';
import { EXIT_CODES } from '../../core/errors.js';
import { connectAws } from '../../publish/connect-aws.js';
import { checkLayerName } from '../../publish/names.js';
import { checkKeep, pruneLayer } from '../../publish/prune-layer.js';
import { inRegions } from '../../publish/regions.js';
import { awsAccessOf, describeFailures } from '../aws-session.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import type { Io } from '../io.js';
import { awsOptions, jsonOption, regionsOption } from '../options.js';

/** Creates `layersmith prune`: deletes old versions of a layer. Exits with 77 when a region failed. */
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
            describe: 'How many of the newest versions to keep, at least 1',
          },
          'dry-run': {
            type: 'boolean',
            default: false,
            describe: 'Print what would be deleted without deleting it',
          },
          ...regionsOption,
          ...awsOptions,
          ...jsonOption,
        })
        .example('$0 prune --name php84 --keep 5 --region eu-west-1 --dry-run', ''),
    handler: async (args) => {
      checkLayerName(args.name);
      checkKeep(args.keep);
      const access = awsAccessOf(io, args);
      const outcomes = await inRegions(args.region, async (wanted) => {
        const { layers: registry } = await connectAws(wanted, { access, signal: io.signal });
        const { region, deleted, found } = await pruneLayer(args.name, {
          registry,
          keep: args.keep,
          isDryRun: args['dry-run'],
          onDeleted: (arn) => {
            if (!args.json) io.out(`${args['dry-run'] ? 'would be deleted' : 'deleted'} ${arn}\n`);
          },
        });
        io.err(`${region}: ${found - deleted.length} of ${found} versions kept\n`);
        return { region, deleted };
      });
      io.err(describeFailures(outcomes));
      const regions = outcomes.flatMap(({ result }) => (result === undefined ? [] : [result]));
      if (args.json) io.out(`${JSON.stringify({ name: args.name, dryRun: args['dry-run'], regions })}\n`);
      if (regions.length < outcomes.length) outcome.exitCode = EXIT_CODES.publish;
    },
  });
}
