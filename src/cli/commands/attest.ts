import type { Argv } from 'yargs';
import { writeFileAtomically } from '../../core/atomic-file.js';
import { sha256 } from '../../core/digest.js';
import { UsageError } from '../../core/errors.js';
import { attestationPath, provenanceFor, sealProvenance } from '../../layer/attestation.js';
import { readZipFile } from '../../tree/zip-file.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { layerFiles } from '../layer-files.js';
import { jsonOption } from '../options.js';
import { KEY_VARIABLE, signingKeys } from '../signing-keys.js';

/** Creates `layersmith attest`: signs the provenance beside layer zips. */
export function attestCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('zip', {
          type: 'string',
          demandOption: true,
          describe: 'Layer zip, with its provenance beside it, or a layer of layersmith.yaml',
        })
        .options({
          key: {
            type: 'string',
            requiresArg: true,
            array: true,
            default: [] as string[],
            describe: `File with a private key, PEM (PKCS #8, Ed25519); repeatable [default: $${KEY_VARIABLE}]`,
          },
          ...jsonOption,
        })
        .example('$0 attest dist/php-8.4.24-*.zip --key acme-ci.pem', 'Writes X.intoto.jsonl beside X.zip'),
    handler: async (args) => {
      const keys = await signingKeys(io, args.key);
      if (keys.length === 0) {
        throw new UsageError('there is no key to sign with', {
          hint: `Give --key, or set ${KEY_VARIABLE}. \`layersmith keys new FILE\` creates a key.`,
        });
      }
      for (const file of await layerFiles(io, args.zip)) {
        const zip = await readZipFile(file);
        const text = sealProvenance(await provenanceFor(zip), keys);
        const path = attestationPath(zip.path, 'key');
        await writeFileAtomically(path, text);
        const signers = keys.map(({ id }) => id);
        io.err(`signed the provenance of ${zip.path} with ${signers.join(', ')}\n`);
        io.out(
          args.json ? `${JSON.stringify({ path, sha256: sha256(text), keys: signers })}\n` : `${path}\n`,
        );
      }
    },
  });
}
