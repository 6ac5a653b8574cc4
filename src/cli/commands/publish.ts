import type { Argv } from 'yargs';
import { EXIT_CODES, UsageError } from '../../core/errors.js';
import { findProject } from '../../definition/project.js';
import { attestationDigest } from '../../layer/attestation.js';
import { readTestedLayer, readUntestedLayer } from '../../layer/tested-layer.js';
import { connectAws } from '../../publish/connect-aws.js';
import { layerSnippet, SNIPPET_FORMATS } from '../../publish/layer-snippets.js';
import { checkLayerName } from '../../publish/names.js';
import { principalsOf } from '../../publish/principals.js';
import { publishLayer } from '../../publish/publish-layer.js';
import { bucketOf, inRegions } from '../../publish/regions.js';
import { readZipFile } from '../../tree/zip-file.js';
import { awsAccessOf, describeFailures } from '../aws-session.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import type { Io } from '../io.js';
import { layerFile } from '../layer-files.js';
import { awsOptions, bucketOption, jsonOption, regionsOption } from '../options.js';

/** Creates `layersmith publish`: publishes a tested layer in one or more regions. Exits with 77 when one failed. */
export function publishCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('zip', {
          type: 'string',
          demandOption: true,
          describe: 'Layer zip, with its manifest beside it, or a layer of layersmith.yaml',
        })
        .options({
          name: {
            type: 'string',
            requiresArg: true,
            describe: "The layer's name: php84 [default: the name in layersmith.yaml]",
          },
          ...regionsOption,
          ...bucketOption,
          public: { type: 'boolean', default: false, describe: 'Let every AWS account use it' },
          organization: {
            type: 'string',
            requiresArg: true,
            describe: 'Let an organization use it: o-abc123defg',
          },
          account: {
            type: 'string',
            requiresArg: true,
            array: true,
            default: [] as string[],
            describe: 'Let an account use it, by its 12 digits; repeatable',
          },
          'signing-profile': {
            type: 'string',
            requiresArg: true,
            describe: 'Have AWS Signer sign the zip with this profile of the region; needs --s3-bucket',
          },
          format: {
            choices: ['arn', ...SNIPPET_FORMATS] as const,
            requiresArg: true,
            default: 'arn' as const,
            describe: 'Output format of the ARNs: plain, a table, or a template snippet',
          },
          force: {
            type: 'boolean',
            default: false,
            describe: 'Publish the zip without proof that it was audited and tested',
          },
          ...awsOptions,
          ...jsonOption,
        })
        .example('$0 publish shop --region eu-west-1', 'A layer of layersmith.yaml, under its name')
        .example('$0 publish dist/php-8.4.24-*.zip --name php84 --region eu-west-1 --region us-east-1', '')
        .example('$0 publish dist/php-8.4.24-*.zip --name php84 --region eu-west-1 --public --format sam', '')
        .example(
          "$0 publish big.zip --name big --region eu-west-1 --s3-bucket 'mine-{region}'",
          'Over 50 MB',
        ),
    handler: async (args) => {
      const name = args.name ?? (await definedName(io, args.zip));
      checkLayerName(name);
      const { 's3-bucket': bucketName, 'signing-profile': signingProfile } = args;
      if (signingProfile !== undefined && bucketName === undefined) {
        throw new UsageError('--signing-profile needs --s3-bucket', {
          hint: 'AWS Signer signs objects of a bucket that keeps versions.',
        });
      }
      const principals = principalsOf({
        isPublic: args.public,
        organization: args.organization,
        accounts: args.account,
      });
      const zip = await readZipFile(await layerFile(io, args.zip));
      const layer = args.force ? await readUntestedLayer(zip) : await readTestedLayer(zip);
      const attestation = await attestationDigest(zip);
      const access = awsAccessOf(io, args);
      const outcomes = await inRegions(args.region, async (wanted) => {
        const { region, layers, sendCode, signCode } = await connectAws(wanted, {
          access,
          signal: io.signal,
        });
        const bucket = bucketOf(bucketName, region);
        const published = await publishLayer(layer, {
          ...{ signingProfile, name, registry: layers, principals, attestation, signal: io.signal },
          code: (file) =>
            signingProfile === undefined || bucket === undefined
              ? sendCode(file, bucket)
              : signCode(file, { bucket, profile: signingProfile }),
        });
        io.err(
          `${region}: ${published.status === 'present' ? 'already published' : 'published'}: ${published.arn}\n`,
        );
        return published;
      });
      io.err(describeFailures(outcomes));
      const done = outcomes.flatMap(({ result }) => (result === undefined ? [] : [result]));
      if (args.json) {
        const failed = outcomes.flatMap(({ region, error }) =>
          error === undefined ? [] : [{ region, error: error.message }],
        );
        io.out(`${JSON.stringify({ name, sha256: zip.sha256, layers: done, failed })}\n`);
      } else if (args.format === 'arn') {
        for (const { arn } of done) io.out(`${arn}\n`);
      } else if (done.length > 0) {
        const { platform: runtime, architecture } = layer.record ?? {};
        io.out(layerSnippet(args.format, { name, runtime, architecture, arns: done }));
      }
      if (done.length < outcomes.length) outcome.exitCode = EXIT_CODES.publish;
    },
  });
}

/** Returns the name of a layer of layersmith.yaml. Throws UsageError for anything else, which has no name of its own. */
async function definedName(io: Io, text: string): Promise<string> {
  const { layers } = await findProject(io.cwd);
  if (layers.some(({ name }) => name === text)) return text;
  throw new UsageError('--name is missing: the name under which the layer is published', {
    hint: 'For example: --name php84.',
  });
}
