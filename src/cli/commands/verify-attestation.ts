import type { Argv } from 'yargs';
import { IntegrityError, UsageError } from '../../core/errors.js';
import { DEFINITION_FILE, findProject } from '../../definition/project.js';
import { verifyEnvelope, type VerifiedAttestation } from '../../layer/attestation.js';
import { readZipFile } from '../../tree/zip-file.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { layerFiles } from '../layer-files.js';
import { jsonOption } from '../options.js';
import { publicKeys } from '../signing-keys.js';

/** Creates `layersmith verify-attestation`: checks who signed the provenance of layer zips. Exits with 76 if nobody trusted did. */
export function verifyAttestationCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('zip', {
          type: 'string',
          demandOption: true,
          describe: 'Layer zip, with its attestation beside it, or a layer of layersmith.yaml',
        })
        .options({
          key: {
            type: 'string',
            requiresArg: true,
            array: true,
            default: [] as string[],
            describe: `Trusted public key, or its file; repeatable [default: \`trustedKeys\` of ${DEFINITION_FILE}]`,
          },
          'builder-id': {
            type: 'string',
            requiresArg: true,
            describe: 'Require this builder, as `build --builder-id` named it',
          },
          ...jsonOption,
        })
        .example('$0 verify-attestation X.zip --key acme-ci.pub', 'One key')
        .example('$0 verify-attestation shop', `The keys of ${DEFINITION_FILE}`),
    handler: async (args) => {
      const trusted = new Map(
        args.key.length > 0 ? await publicKeys(io, args.key) : (await findProject(io.cwd)).trustedKeys,
      );
      if (trusted.size === 0) {
        throw new UsageError('no key is trusted', {
          hint: `Give --key, or add \`trustedKeys\` to ${DEFINITION_FILE}.`,
        });
      }
      for (const file of await layerFiles(io, args.zip)) {
        const zip = await readZipFile(file);
        const verified = await verifyEnvelope(zip, trusted);
        checkBuilder(verified, args['builder-id']);
        const { path, sha256, signer, builder } = verified;
        io.err(`${path}: signed by ${signer}, built by ${builder}\n`);
        io.out(
          args.json
            ? `${JSON.stringify({ zip: zip.path, sha256: zip.sha256, attestation: { path, sha256 }, signer, builder })}\n`
            : `${zip.path}\n`,
        );
      }
    },
  });
}

function checkBuilder({ path, builder }: VerifiedAttestation, wanted: string | undefined): void {
  if (wanted === undefined || wanted === builder) return;
  throw new IntegrityError(`${path} names another builder`, {
    details: { expected: wanted, actual: builder },
    hint: 'Do not use the layer, or correct --builder-id.',
  });
}
