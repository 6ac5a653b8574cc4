import type { Argv } from 'yargs';
import { EXIT_CODES, PublishError, UsageError } from '../../core/errors.js';
import { VERSION } from '../../core/version.js';
import { readLayerRecord, recordPath, type PublishedRecord } from '../../layer/layer-record.js';
import { connectAws } from '../../publish/connect-aws.js';
import type { LayerDescription, Principal, ZipFile } from '../../publish/layer-registry.js';
import { layerSnippet, SNIPPET_FORMATS } from '../../publish/layer-snippets.js';
import { publishLayer } from '../../publish/publish-layer.js';
import { awsAccessOf, bucketOf, checkName, describeFailures, inRegions, zipFileOf } from '../aws-session.js';
import { command, type Command, type CommandOutcome } from '../command.js';
import type { Io } from '../io.js';
import { awsOptions, bucketOption, jsonOption, regionsOption } from '../options.js';

/** `layersmith publish`: a tested layer, as a layer version in one or many regions. Exit code 77 when one failed. */
export function publishCommand(io: Io, outcome: CommandOutcome): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('zip', {
          type: 'string',
          demandOption: true,
          describe: 'The layer, with its papers beside it',
        })
        .options({
          name: {
            type: 'string',
            requiresArg: true,
            demandOption: true,
            describe: "The layer's name: php84",
          },
          ...regionsOption,
          ...bucketOption,
          public: { type: 'boolean', default: false, describe: 'Let every AWS account use it' },
          organization: {
            type: 'string',
            requiresArg: true,
            describe: 'Let an organisation use it: o-abc123defg',
          },
          account: {
            type: 'string',
            requiresArg: true,
            array: true,
            default: [] as string[],
            describe: 'Let an account use it, by its 12 digits; repeatable',
          },
          format: {
            choices: ['arn', ...SNIPPET_FORMATS] as const,
            requiresArg: true,
            default: 'arn' as const,
            describe: 'How the ARNs are printed: plain, as a table, or ready to be pasted',
          },
          force: { type: 'boolean', default: false, describe: 'Also what was not audited and tested' },
          ...awsOptions,
          ...jsonOption,
        })
        .example('$0 publish dist/php-8.4.24-*.zip --name php84 --region eu-west-1 --region us-east-1', '')
        .example('$0 publish dist/php-8.4.24-*.zip --name php84 --region eu-west-1 --public --format sam', '')
        .example(
          "$0 publish big.zip --name big --region eu-west-1 --s3-bucket 'mine-{region}'",
          'Over 50 MB',
        ),
    handler: async (args) => {
      checkName(args.name, 'layer');
      const principals = principalsOf(args);
      const zip = await zipFileOf(io, args.zip);
      const record = await checkedRecord(zip, args.force);
      const layer = descriptionOf(args.name, { zip, record });
      const access = awsAccessOf(io, args);
      const outcomes = await inRegions(args.region, async (asked) => {
        const { region, layers, sendCode } = await connectAws(asked, { access, signal: io.signal });
        const published = await publishLayer(layer, {
          ...{ registry: layers, zip, principals, signal: io.signal },
          code: () => sendCode(zip, bucketOf(args['s3-bucket'], region)),
        });
        io.err(
          `${region}: ${published.status === 'present' ? 'is there already' : 'published'}: ${published.arn}\n`,
        );
        return { ...published, region };
      });
      io.err(describeFailures(outcomes));
      const done = outcomes.flatMap(({ result }) => (result === undefined ? [] : [result]));
      if (args.json) {
        const failed = outcomes.flatMap(({ region, error }) =>
          error === undefined ? [] : [{ region, error: error.message }],
        );
        io.out(`${JSON.stringify({ name: args.name, sha256: zip.sha256, layers: done, failed })}\n`);
      } else if (args.format === 'arn') {
        for (const { arn } of done) io.out(`${arn}\n`);
      } else if (done.length > 0) {
        const { runtimes, architectures } = layer;
        const [runtime = 'provided.al2023'] = runtimes;
        const [architecture = 'x86_64'] = architectures;
        const arns = [...done].sort((a, b) => (a.region < b.region ? -1 : 1));
        io.out(layerSnippet(args.format, { name: args.name, runtime, architecture, arns }));
      }
      if (done.length < outcomes.length) outcome.exitCode = EXIT_CODES.publish;
    },
  });
}

function principalsOf(args: {
  readonly public: boolean;
  readonly organization: string | undefined;
  readonly account: readonly string[];
}): readonly Principal[] {
  const { organization } = args;
  if (organization !== undefined && !/^o-[a-z0-9]{10,32}$/.test(organization))
    throw new UsageError(`--organization ${organization} is no organisation`, {
      hint: 'For example: --organization o-abc123defg.',
    });
  for (const id of args.account)
    if (!/^\d{12}$/.test(id))
      throw new UsageError(`--account ${id} is no account`, { hint: 'It has 12 digits.' });
  return [
    ...(args.public ? [{ kind: 'everyone' } as const] : []),
    ...(organization === undefined ? [] : [{ kind: 'organization', id: organization } as const]),
    ...args.account.map((id) => ({ kind: 'account', id }) as const),
  ];
}

/** The record of what was audited and tested. Throws PublishError where that is not said of this very zip, unless forced. */
async function checkedRecord(zip: ZipFile, isForced: boolean): Promise<PublishedRecord | undefined> {
  const record = await readLayerRecord(zip.path);
  const why =
    record === undefined
      ? `there is no ${recordPath(zip.path)}, which would say that it was`
      : record.layer.sha256 !== zip.sha256
        ? `${recordPath(zip.path)} is that of another zip`
        : record.audit === undefined
          ? 'it was not audited'
          : record.smokeTests === undefined
            ? 'it was not tested'
            : undefined;
  if (why === undefined || isForced) return record?.layer.sha256 === zip.sha256 ? record : undefined;
  throw new PublishError(`${zip.path} is not published, since it was not audited and tested: ${why}`, {
    hint: 'Publish a zip that `layersmith build` or `package vendor --layer` made, with its papers beside it, or say --force.',
  });
}

/** What Lambda keeps beside the zip (PublishLayerVersion's limits: 256 and 512 characters). */
function descriptionOf(
  name: string,
  { zip, record }: { readonly zip: ZipFile; readonly record: PublishedRecord | undefined },
): LayerDescription {
  const { platform, architecture } = record ?? {};
  const what =
    record === undefined
      ? 'a layer of others'
      : record.kind === 'vendor'
        ? `Composer libraries for ${record.runtime?.recipe ?? 'PHP'}`
        : `${record.recipe} ${record.version}`;
  const licences =
    record === undefined || record.kind === 'vendor' ? [] : record.stages.map(({ licence }) => licence);
  const licence = [...new Set(licences)]
    .map((one) => (/ (AND|OR) /.test(one) ? `(${one})` : one))
    .join(' AND ');
  return {
    name,
    description: `${what}, by layersmith ${VERSION}, sha256 ${zip.sha256}`,
    licence: licence === '' ? undefined : licence.length <= 512 ? licence : 'see share/licenses in the layer',
    runtimes: platform === undefined ? [] : [platform],
    architectures: architecture === undefined ? [] : [architecture],
  };
}
