import { IntegrityError } from '../core/errors.js';
import { isThrottled, isTransient, translateAwsError } from './aws-error.js';
import type {
  CodeLocation,
  LayerDescription,
  LayerRegistry,
  LayerVersion,
  Principal,
  ZipFile,
} from './layer-registry.js';
import { retrying } from './retrying.js';

export interface PublishedLayer {
  readonly status: 'published' | 'present';
  readonly arn: string;
  readonly version: number;
}

/** A version that nobody described by its digest is looked for among as many of the newest. */
const NEWEST = 20;

/**
 * Publishes a layer in one region, unless a version with the very same zip is there, and shares it. A call whose
 * connection broke is not repeated before that was looked for again: it may have been done.
 *
 * Throws PublishError for what AWS refuses, IntegrityError when Lambda has got other bytes than were sent.
 */
export async function publishLayer(
  layer: LayerDescription,
  {
    registry,
    zip,
    code,
    principals,
    signal,
  }: {
    readonly registry: LayerRegistry;
    readonly zip: ZipFile;
    /** Called when it is to be published. */
    readonly code: () => Promise<CodeLocation>;
    readonly principals: readonly Principal[];
    readonly signal: AbortSignal;
  },
): Promise<PublishedLayer> {
  const call = { doing: `publish ${layer.name} in ${registry.region}`, action: 'lambda:PublishLayerVersion' };
  const expected = Buffer.from(zip.sha256, 'hex').toString('base64');
  const publishOnce = async (): Promise<PublishedLayer> => {
    const present = await findVersion(layer.name, { registry, zip, expected });
    if (present !== undefined) return { status: 'present', arn: present.arn, version: present.version };
    const made = await registry.publish(layer, await code());
    if (made.codeSha256 !== expected)
      throw new IntegrityError(`${made.arn} has other bytes than ${zip.path}`, {
        details: { expected, actual: made.codeSha256 },
        hint: 'Delete that version, and see what is between here and AWS.',
      });
    return { status: 'published', arn: made.arn, version: made.version };
  };
  try {
    const when = (error: unknown): boolean => isThrottled(error) || isTransient(error);
    const published = await retrying(publishOnce, { when, signal });
    for (const principal of principals) await registry.allow(layer.name, published.version, principal);
    return published;
  } catch (error) {
    signal.throwIfAborted();
    throw translateAwsError(error, call);
  }
}

async function findVersion(
  name: string,
  { registry, zip, expected }: { registry: LayerRegistry; zip: ZipFile; expected: string },
): Promise<LayerVersion | undefined> {
  const versions = await registry.versions(name);
  const described = versions.filter(({ description }) => description.includes(zip.sha256));
  const others = versions.filter((one) => !described.includes(one)).slice(0, NEWEST);
  for (const one of [...described, ...others])
    if ((await registry.codeSha256(name, one.version)) === expected) return one;
  return undefined;
}
