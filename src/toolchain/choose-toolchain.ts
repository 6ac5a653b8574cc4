import { EngineError, EngineUnavailableError, StageError } from '../core/errors.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import type { Architecture, Platform } from '../platform/platform.js';
import {
  amazonImage,
  madeEarlier,
  runtimeRequest,
  toolchainRequest,
  type AmazonOptions,
  type ImageRequest,
} from './amazonlinux.js';
import { debianImage, knownDebianImage, type DebianImage, type DebianOptions } from './debian.js';
import { GLIBC_VERSIONS } from './debian-targets.js';
import { publishedImage } from './published-image.js';
import type { PublishedReference } from './published-reference.js';
import {
  IMAGE_ROLES,
  type ImageRole,
  type Toolchain,
  type ToolchainImage,
  type ToolchainKind,
} from './toolchain.js';

/** What the choice of a toolchain depends on. */
export type ChooseOptions = AmazonOptions &
  DebianOptions & {
    /** The kind that the user or the lock requires, and why; undefined to choose by what is available. */
    readonly forced: { readonly kind: ToolchainKind; readonly reason: string } | undefined;
    /** Where the lock says that an image of a kind was pushed. Undefined for images that are made on each machine. */
    readonly published: (role: ImageRole, kind: ToolchainKind) => PublishedReference | undefined;
    /** How long a registry may take to answer, in milliseconds. */
    readonly registryTimeoutMs: number;
    /** The architecture of the engine's machine, on which the embedded toolchain's compilers run. */
    readonly machine: Architecture;
  };

/** A chosen kind of toolchain, with a function that prepares each of its images. */
interface ChosenKind {
  readonly kind: ToolchainKind;
  readonly reason: string;
  readonly image: (role: ImageRole) => Promise<ToolchainImage>;
}

/**
 * Chooses a toolchain and prepares its images: those that the lock has in a registry, else Amazon Linux if its registry answers or an earlier run built the images,
 * else the embedded Debian 12, which has compilers for the glibc versions of Lambda's platforms. Throws StageError if the
 * required toolchain is not available.
 */
export async function chooseToolchain(options: ChooseOptions): Promise<Toolchain> {
  const { kind, reason, image } = await chooseKind(['toolchain', 'runtime'], options);
  return { kind, reason, buildImage: await image('toolchain'), runtimeImage: await image('runtime') };
}

/**
 * Returns the kind of toolchain for the platform whose images are all in the engine, Amazon Linux first; undefined if a
 * build has to pull or bootstrap an image. Ignores images for other platforms, pinned packages or formats.
 */
export async function presentToolchain(
  options: Pick<
    ChooseOptions,
    | 'engine'
    | 'platform'
    | 'machine'
    | 'dockerfile'
    | 'packageRoot'
    | 'pins'
    | 'published'
    | 'forced'
    | 'signal'
  >,
): Promise<ToolchainKind | undefined> {
  const locked = options.forced && publishedReferences(options.forced.kind, options);
  if (options.forced !== undefined && locked !== undefined) {
    const { engine, signal, forced } = options;
    const found = await Promise.all(IMAGE_ROLES.map((role) => engine.inspectImage(locked[role], signal)));
    return found.includes(undefined) ? undefined : forced.kind;
  }
  if ((await earlierAmazonImages(['toolchain', 'runtime'], options)) !== undefined) return 'amazonlinux';
  if (!(await canRunOnDebian(options))) return undefined;
  return (await knownDebianImage(debianImageFor('toolchain', options), options)) === undefined
    ? undefined
    : 'debian';
}

/** The image that programs and functions run in; the image with the compilers is prepared only on request. */
export interface RuntimeImage {
  readonly kind: ToolchainKind;
  /** Why this kind was chosen. */
  readonly reason: string;
  readonly runtimeImage: ToolchainImage;
  /** Prepares the image with the compilers, of the same kind. It has a shell. */
  readonly buildImage: () => Promise<ToolchainImage>;
}

/**
 * Chooses and prepares only the runtime image, as `chooseToolchain` does, but uses an image that the engine already has
 * without asking a registry. Throws StageError if the required one is not available.
 */
export async function chooseRuntimeImage(
  options: ChooseOptions & {
    /** Whether the user named a registry to pull images from. */
    readonly namesRegistry: boolean;
  },
): Promise<RuntimeImage> {
  const { kind, reason, image } = await chooseKind(['runtime'], options);
  return { kind, reason, runtimeImage: await image('runtime'), buildImage: () => image('toolchain') };
}

async function chooseKind(
  roles: readonly ImageRole[],
  options: ChooseOptions & { readonly namesRegistry?: boolean },
): Promise<ChosenKind> {
  const { platform, forced } = options;
  const locked = forced && !options.fresh && publishedReferences(forced.kind, options);
  if (forced !== undefined && typeof locked === 'object') {
    const { kind, reason } = forced;
    const image = (role: ImageRole): Promise<ToolchainImage> =>
      publishedImage(locked[role], { architecture: architectureOf(kind, role, options), options });
    return { kind, reason, image };
  }
  if (forced?.kind === 'debian') return debian(forced.reason, options);
  // An image that was pulled once for a reference is used without asking again, until `clean --images`.
  const earlier = options.fresh ? undefined : await earlierAmazonImages(roles, options);
  if (earlier !== undefined) {
    return {
      kind: 'amazonlinux',
      reason: roles.length === 1 ? 'its image is in the engine' : 'its images are in the engine',
      image: async (role) => {
        const present = earlier.get(role) ?? (await madeEarlier(await amazonRequest(role, options), options));
        if (present !== undefined) return present;
        if (options.offline) throw notPulledOffline(`amazonlinux-${role}`);
        return pulledAmazonImage(role, options);
      },
    };
  }
  if (options.offline) {
    if (forced === undefined)
      return debian('no Amazon Linux image is in the engine, and --offline forbids pulling it', options);
    throw notPulledOffline('Amazon Linux');
  }
  if (options.namesRegistry === false && forced === undefined && (await canRunOnDebian(options)))
    return debian('its image is in the engine', options);
  const answer = await askRegistry(options);
  if (answer.answers) {
    return {
      kind: 'amazonlinux',
      reason: forced?.reason ?? `${registryOf(platform.toolchain.base)} answers`,
      image: (role) => pulledAmazonImage(role, options, answer),
    };
  }
  if (forced === undefined) return debian(answer.reason, options);
  throw new StageError(`the Amazon Linux toolchain is not available: ${answer.reason}`, {
    hint: 'Set --registry to a mirror that answers, or use --toolchain debian.',
  });
}

function notPulledOffline(image: string): StageError {
  return new StageError(`the ${image} image is not in the engine, and --offline forbids pulling it`, {
    hint: 'Run once without --offline.',
  });
}

function debian(reason: string, options: ChooseOptions): ChosenKind {
  const { platform } = options;
  if (!canCompileFor(platform)) {
    throw new StageError(
      `no toolchain is available for ${platform.name}: ${reason}, and the embedded Debian 12 has no headers of its glibc ${platform.glibc}`,
      {
        hint: `Build where ${registryOf(platform.toolchain.base)} is reachable, set --registry to a mirror of it, or use a platform with glibc ${GLIBC_VERSIONS.join(', ')}.`,
      },
    );
  }
  return { kind: 'debian', reason, image: (role) => debianImage(debianImageFor(role, options), options) };
}

/** The compilers run on the engine's machine, whatever they compile for; programs on the layer are of its architecture. */
function debianImageFor(
  role: ImageRole,
  { platform, machine }: Pick<ChooseOptions, 'platform' | 'machine'>,
): DebianImage {
  return { role, architecture: architectureOf('debian', role, { platform, machine }) };
}

/** Returns the architecture of the programs in an image. */
function architectureOf(
  kind: ToolchainKind,
  role: ImageRole,
  { platform, machine }: Pick<ChooseOptions, 'platform' | 'machine'>,
): Architecture {
  return kind === 'debian' && role === 'toolchain' ? machine : platform.architecture;
}

/** Returns where both images of a kind were pushed. Undefined if one of them was not. */
function publishedReferences(
  kind: ToolchainKind,
  { published }: Pick<ChooseOptions, 'published'>,
): Readonly<Record<ImageRole, PublishedReference>> | undefined {
  const [toolchain, runtime] = [published('toolchain', kind), published('runtime', kind)];
  return toolchain === undefined || runtime === undefined ? undefined : { toolchain, runtime };
}

function canCompileFor({ glibc }: Pick<Platform, 'glibc'>): boolean {
  return GLIBC_VERSIONS.some((version) => version === glibc);
}

async function canRunOnDebian(
  options: Pick<ChooseOptions, 'engine' | 'platform' | 'machine' | 'packageRoot' | 'pins' | 'signal'>,
): Promise<boolean> {
  return (
    canCompileFor(options.platform) &&
    (await knownDebianImage(debianImageFor('runtime', options), options)) !== undefined
  );
}

async function amazonRequest(
  role: ImageRole,
  options: Pick<ChooseOptions, 'platform' | 'dockerfile'>,
): Promise<ImageRequest> {
  return role === 'toolchain' ? toolchainRequest(options) : runtimeRequest(options);
}

/** Returns the images that earlier runs built, or undefined if the engine does not have all of them. */
async function earlierAmazonImages(
  roles: readonly ImageRole[],
  options: Pick<ChooseOptions, 'engine' | 'platform' | 'dockerfile' | 'signal'>,
): Promise<ReadonlyMap<ImageRole, ToolchainImage> | undefined> {
  const found = new Map<ImageRole, ToolchainImage>();
  for (const role of roles) {
    const image = await madeEarlier(await amazonRequest(role, options), options);
    if (image === undefined) return undefined;
    found.set(role, image);
  }
  return found;
}

async function pulledAmazonImage(
  role: ImageRole,
  options: ChooseOptions,
  answer?: RegistryAnswer & { readonly answers: true },
): Promise<ToolchainImage> {
  const baseDigest = role === 'toolchain' ? answer?.baseDigest : answer?.runtimeDigest;
  return amazonImage(await amazonRequest(role, options), { baseDigest, options });
}

type RegistryAnswer =
  | {
      readonly answers: true;
      readonly baseDigest: string | undefined;
      readonly runtimeDigest: string | undefined;
    }
  | { readonly answers: false; readonly reason: string };

/**
 * Asks the registry for the digests of both images, through the engine and within one deadline. If the engine cannot
 * resolve digests (Podman), it checks from this machine whether the registry answers.
 */
async function askRegistry(options: ChooseOptions): Promise<RegistryAnswer> {
  const { engine, platform } = options;
  const registry = registryOf(platform.toolchain.base);
  const deadline = AbortSignal.timeout(options.registryTimeoutMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  try {
    const images = [platform.toolchain.base, platform.runtime];
    const [base, runtime] = await Promise.all(images.map((image) => askFor(image, { engine, signal })));
    const missing = [base, runtime].find((answer) => answer?.missing !== undefined);
    if (missing?.missing !== undefined) return { answers: false, reason: missing.missing };
    if (base?.digest === undefined) await fetch(`https://${registry}/v2/`, { signal });
    return { answers: true, baseDigest: base?.digest, runtimeDigest: runtime?.digest };
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof EngineUnavailableError) throw error;
    const why = deadline.aborted ? `not within ${options.registryTimeoutMs / 1000} s` : lastReason(error);
    return { answers: false, reason: `${registry} does not answer (${why})` };
  }
}

/** The statuses of a registry that does not have the image, or does not allow this user to pull it. */
const REFUSALS: readonly (number | undefined)[] = [401, 403, 404];

/** Returns the digest of an image, or why the registry does not provide it. Rejects if the registry does not answer. */
async function askFor(
  image: string,
  { engine, signal }: { readonly engine: ContainerEngine; readonly signal: AbortSignal },
): Promise<{ readonly digest?: string | undefined; readonly missing?: string }> {
  try {
    return { digest: await engine.resolveRemoteDigest(image, signal) };
  } catch (error) {
    if (!(error instanceof EngineError) || !REFUSALS.includes(error.statusCode)) throw error;
    return { missing: `the registry does not have ${image} (${lastReason(error)})` };
  }
}

/** Returns the last part of an engine's chain of reasons: `Get "https://…": dial tcp: lookup …: no such host`. */
export function lastReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return ((message.split('\n')[0] ?? '').split(': ').at(-1) ?? message).replace(/ \(HTTP \d+\)$/, '');
}

function registryOf(image: string): string {
  return image.slice(0, image.indexOf('/'));
}
