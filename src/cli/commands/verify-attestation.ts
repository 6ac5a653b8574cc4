import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import { IntegrityError, UsageError } from '../../core/errors.js';
import { isJson } from '../../core/is-json.js';
import { DEFINITION_FILE, findProject } from '../../definition/project.js';
import { verifyEnvelope, type VerifiedAttestation } from '../../layer/attestation.js';
import { verifyBundle } from '../../layer/sigstore.js';
import { readZipFile, type ZipFile } from '../../tree/zip-file.js';
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
          identity: {
            type: 'string',
            requiresArg: true,
            describe:
              "Check Sigstore's attestation instead: it must be of this identity, the URI of a workflow",
          },
          issuer: {
            type: 'string',
            requiresArg: true,
            default: 'https://token.actions.githubusercontent.com',
            describe: 'With --identity: the OIDC provider of the identity',
          },
          'trusted-root': {
            type: 'string',
            requiresArg: true,
            describe:
              "With --identity: file with Sigstore's trusted root, as `gh attestation trusted-root` prints it",
          },
          ...jsonOption,
        })
        .example('$0 verify-attestation X.zip --key acme-ci.pub', 'One key')
        .example('$0 verify-attestation shop', `The keys of ${DEFINITION_FILE}`),
    handler: async (args) => {
      const { identity } = args;
      const verify =
        identity === undefined ? await byKeys(io, args.key) : await byIdentity(io, { ...args, identity });
      for (const file of await layerFiles(io, args.zip)) {
        const zip = await readZipFile(file);
        const verified = await verify(zip);
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

/** Verifies the attestation beside a zip. */
type Verify = (zip: ZipFile) => Promise<VerifiedAttestation>;

async function byKeys(io: Io, keys: readonly string[]): Promise<Verify> {
  const trusted = new Map(
    keys.length > 0 ? await publicKeys(io, keys) : (await findProject(io.cwd)).trustedKeys,
  );
  if (trusted.size === 0) {
    throw new UsageError('no key is trusted', {
      hint: `Give --key or --identity, or add \`trustedKeys\` to ${DEFINITION_FILE}.`,
    });
  }
  return (zip) => verifyEnvelope(zip, trusted);
}

async function byIdentity(
  io: Io,
  args: { readonly identity: string; readonly issuer: string; readonly trustedRoot: string | undefined },
): Promise<Verify> {
  const { identity, issuer, trustedRoot: file } = args;
  if (file === undefined) {
    throw new UsageError('--identity needs --trusted-root', {
      hint: 'Write one with `gh attestation trusted-root > trusted-root.jsonl`.',
    });
  }
  const text = await readFile(resolve(io.cwd, file), 'utf8').catch((cause: unknown) => {
    throw new UsageError(`--trusted-root: cannot read ${file}`, { hint: 'Name a file.', cause });
  });
  // `gh` prints one root a line: Sigstore's public one and GitHub's own. One of them has to vouch for it.
  const roots = isJson(text) ? [text] : text.split('\n').filter((line) => line.trim() !== '');
  return async (zip) => {
    let failure: IntegrityError | undefined;
    for (const trustedRoot of roots) {
      try {
        return await verifyBundle(zip, { identity, issuer, trustedRoot });
      } catch (error) {
        if (!(error instanceof IntegrityError)) throw error;
        failure ??= error;
      }
    }
    throw failure ?? new UsageError(`--trusted-root: ${file} is empty`);
  };
}

function checkBuilder({ path, builder }: VerifiedAttestation, wanted: string | undefined): void {
  if (wanted === undefined || wanted === builder) return;
  throw new IntegrityError(`${path} names another builder`, {
    details: { expected: wanted, actual: builder },
    hint: 'Do not use the layer, or correct --builder-id.',
  });
}
