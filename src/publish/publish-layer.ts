import type { Sha256 } from '../core/digest.js';
import { IntegrityError } from '../core/errors.js';
import type { TestedLayer, UntestedLayer } from '../layer/tested-layer.js';
import type { ZipFile } from '../tree/zip-file.js';
import { isThrottled, isTransient, translateAwsError } from './aws-error.js';
import { describeLayer, SIGNED } from './describe-layer.js';
import type { CodeLocation, LayerRegistry, LayerVersion, Principal } from './layer-registry.js';
import { retrying } from './retrying.js';

/** A layer version in one region. */
export interface PublishedLayer {
  /** `present` if a version with the same zip existed already. */
  readonly status: 'published' | 'present';
  readonly region: string;
  readonly arn: string;
  readonly version: number;
}

/** How many of the newest versions are compared when no description names the zip's digest. */
const NEWEST = 20;

/**
 * Publishes a layer in one region, unless a version with the same zip exists, and shares it. The type of an untested layer
 * marks that the user forces it. If a connection breaks, the call may have succeeded: the versions are searched again before
 * it is repeated.
 *
 * Throws PublishError if AWS refuses a call, IntegrityError if Lambda received other bytes than were sent.
 */
export async function publishLayer(
  layer: TestedLayer | UntestedLayer,
  {
    name,
    registry,
    code,
    principals,
    attestation,
    signingProfile,
    signal,
  }: {
    readonly name: string;
    readonly registry: LayerRegistry;
    /** Uploads the zip, and has it signed. Called once, and only if a version has to be published. */
    readonly code: (zip: ZipFile) => Promise<CodeLocation>;
    readonly principals: readonly Principal[];
    /** The sha256 of the attestation beside the zip. It becomes part of the description of a new version. */
    readonly attestation?: Sha256 | undefined;
    /** The name of the profile that `code` has the zip signed with. Only a version that was signed with it counts as the same. */
    readonly signingProfile?: string | undefined;
    readonly signal: AbortSignal;
  },
): Promise<PublishedLayer> {
  const { zip } = layer;
  const { region } = registry;
  const call = { doing: `publish ${name} in ${region}`, action: 'lambda:PublishLayerVersion' };
  const expected = Buffer.from(zip.sha256, 'hex').toString('base64');
  let sent: CodeLocation | undefined;
  const publishOnce = async (): Promise<PublishedLayer> => {
    const present = await findVersion(name, { registry, zip, expected, signingProfile });
    if (present !== undefined)
      return { status: 'present', region, arn: present.arn, version: present.version };
    sent ??= await code(zip);
    const description = describeLayer(name, { layer, attestation, isSigned: signingProfile !== undefined });
    const made = await registry.publish(description, sent);
    const wanted = (sent.kind === 's3' ? sent.sha256 : undefined) ?? expected;
    if (made.codeSha256 !== wanted)
      throw new IntegrityError(`${made.arn} has other bytes than ${zip.path}`, {
        details: { expected: wanted, actual: made.codeSha256 },
        hint: 'Delete that version, and check the proxies between this machine and AWS.',
      });
    return { status: 'published', region, arn: made.arn, version: made.version };
  };
  try {
    const when = (error: unknown): boolean => isThrottled(error) || isTransient(error);
    const published = await retrying(publishOnce, { when, signal });
    for (const principal of principals) await registry.allow(name, published.version, principal);
    return published;
  } catch (error) {
    signal.throwIfAborted();
    throw translateAwsError(error, call);
  }
}

async function findVersion(
  name: string,
  {
    registry,
    zip,
    expected,
    signingProfile,
  }: {
    readonly registry: LayerRegistry;
    readonly zip: ZipFile;
    readonly expected: string;
    readonly signingProfile: string | undefined;
  },
): Promise<LayerVersion | undefined> {
  const versions = await registry.versions(name);
  const described = versions.filter(({ description }) => description.includes(zip.sha256));
  if (signingProfile !== undefined) {
    // A signed zip has other bytes, which differ each time.
    for (const one of described.filter(({ description }) => description.endsWith(SIGNED))) {
      const signedWith = (await registry.code(name, one.version))?.signedWith;
      if (signedWith?.includes(`/signing-profiles/${signingProfile}/`) === true) return one;
    }
    return undefined;
  }
  const others = versions.filter((one) => !described.includes(one)).slice(0, NEWEST);
  for (const one of [...described, ...others])
    if ((await registry.code(name, one.version))?.sha256 === expected) return one;
  return undefined;
}
