import type { Sha256 } from '../core/digest.js';
import { IntegrityError } from '../core/errors.js';
import type { TestedLayer, UntestedLayer } from '../layer/tested-layer.js';
import type { ZipFile } from '../tree/zip-file.js';
import { isThrottled, isTransient, translateAwsError } from './aws-error.js';
import { describeLayer } from './describe-layer.js';
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
    signal,
  }: {
    readonly name: string;
    readonly registry: LayerRegistry;
    /** Uploads the zip. Called only if a version has to be published. */
    readonly code: (zip: ZipFile) => Promise<CodeLocation>;
    readonly principals: readonly Principal[];
    /** The sha256 of the attestation beside the zip. It becomes part of the description of a new version. */
    readonly attestation?: Sha256 | undefined;
    readonly signal: AbortSignal;
  },
): Promise<PublishedLayer> {
  const { zip } = layer;
  const { region } = registry;
  const call = { doing: `publish ${name} in ${region}`, action: 'lambda:PublishLayerVersion' };
  const expected = Buffer.from(zip.sha256, 'hex').toString('base64');
  const publishOnce = async (): Promise<PublishedLayer> => {
    const present = await findVersion(name, { registry, zip, expected });
    if (present !== undefined)
      return { status: 'present', region, arn: present.arn, version: present.version };
    const made = await registry.publish(describeLayer(name, { layer, attestation }), await code(zip));
    if (made.codeSha256 !== expected)
      throw new IntegrityError(`${made.arn} has other bytes than ${zip.path}`, {
        details: { expected, actual: made.codeSha256 },
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
  }: { readonly registry: LayerRegistry; readonly zip: ZipFile; readonly expected: string },
): Promise<LayerVersion | undefined> {
  const versions = await registry.versions(name);
  const described = versions.filter(({ description }) => description.includes(zip.sha256));
  const others = versions.filter((one) => !described.includes(one)).slice(0, NEWEST);
  for (const one of [...described, ...others])
    if ((await registry.codeSha256(name, one.version)) === expected) return one;
  return undefined;
}
