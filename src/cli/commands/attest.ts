import type { Argv } from 'yargs';
import { writeFileAtomically } from '../../core/atomic-file.js';
import { sha256 } from '../../core/digest.js';
import { UsageError } from '../../core/errors.js';
import {
  attestationPath,
  provenanceFor,
  sealProvenance,
  type ATTESTATIONS,
} from '../../layer/attestation.js';
import { PUBLIC_SIGSTORE, signKeyless, type SigstoreServices } from '../../layer/sigstore.js';
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
          sigstore: {
            type: 'boolean',
            default: false,
            describe: "Sign without a key, by the CI job's OIDC identity, through Sigstore",
          },
          'fulcio-url': {
            type: 'string',
            requiresArg: true,
            default: PUBLIC_SIGSTORE.fulcioUrl,
            describe: 'With --sigstore: the certificate authority',
          },
          'rekor-url': {
            type: 'string',
            requiresArg: true,
            default: PUBLIC_SIGSTORE.rekorUrl,
            describe: 'With --sigstore: the transparency log',
          },
          ...jsonOption,
        })
        .example('$0 attest dist/php-8.4.24-*.zip --key acme-ci.pem', 'Writes X.intoto.jsonl beside X.zip')
        .example('$0 attest dist/php-8.4.24-*.zip --sigstore', 'Writes X.sigstore.json, in a CI job'),
    handler: async (args) => {
      const sign = args.sigstore ? withSigstore(args) : await withKeys(io, args.key);
      for (const file of await layerFiles(io, args.zip)) {
        const zip = await readZipFile(file);
        const { kind, text, keys } = await sign(await provenanceFor(zip));
        const path = attestationPath(zip.path, kind);
        await writeFileAtomically(path, text);
        io.err(`signed the provenance of ${zip.path} with ${keys.join(', ') || 'Sigstore'}\n`);
        io.out(args.json ? `${JSON.stringify({ path, sha256: sha256(text), keys })}\n` : `${path}\n`);
      }
    },
  });
}

/** Signs the provenance of a layer. */
type Sign = (provenance: string) => Promise<{
  readonly kind: keyof typeof ATTESTATIONS;
  /** Of the attestation's file. */
  readonly text: string;
  /** The ids of the keys that signed it. */
  readonly keys: readonly string[];
}>;

async function withKeys(io: Io, files: readonly string[]): Promise<Sign> {
  const keys = await signingKeys(io, files);
  if (keys.length === 0) {
    throw new UsageError('there is no key to sign with', {
      hint: `Give --key or --sigstore, or set ${KEY_VARIABLE}. \`layersmith keys new FILE\` creates a key.`,
    });
  }
  const ids = keys.map(({ id }) => id);
  return (provenance) => Promise.resolve({ kind: 'key', text: sealProvenance(provenance, keys), keys: ids });
}

function withSigstore(args: SigstoreServices & { readonly key: readonly string[] }): Sign {
  if (args.key.length > 0) {
    throw new UsageError('--sigstore and --key contradict each other', {
      hint: 'Run the command twice to have both attestations.',
    });
  }
  for (const [flag, url] of [
    ['--fulcio-url', args.fulcioUrl],
    ['--rekor-url', args.rekorUrl],
  ] as const) {
    if (URL.canParse(url)) continue;
    throw new UsageError(`${flag}: '${url}' is not a valid URL`, {
      hint: 'Leave it out for the public service of Sigstore.',
    });
  }
  return async (provenance) => ({ kind: 'sigstore', text: await signKeyless(provenance, args), keys: [] });
}
