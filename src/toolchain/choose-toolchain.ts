import { compareVersions } from 'compare-versions';
import { EngineError, EngineUnavailableError, StageError } from '../core/errors.js';
import type { ContainerEngine } from '../engine/container-engine.js';
import {
  amazonImage,
  madeEarlier,
  runtimeRequest,
  toolchainRequest,
  type AmazonOptions,
} from './amazonlinux.js';
import { DEBIAN_GLIBC, debianImage, type DebianOptions } from './debian.js';
import type { Toolchain, ToolchainKind } from './toolchain.js';

export type ChooseOptions = AmazonOptions &
  DebianOptions & {
    /** The kind that is asked for or locked, and by what; undefined leaves the choice to what answers. */
    readonly forced: { readonly kind: ToolchainKind; readonly reason: string } | undefined;
    /** How long a registry may take to answer, in milliseconds. */
    readonly registryTimeoutMs: number;
  };

/**
 * Chooses and prepares the images: Amazon Linux when its registry answers (or an earlier run built the image),
 * otherwise the embedded Debian 11, whose glibc must not be newer than the platform's. Throws StageError when
 * the one that is wanted cannot be had.
 */
export async function chooseToolchain(options: ChooseOptions): Promise<Toolchain> {
  const { platform, forced } = options;
  if (forced?.kind === 'debian') return debian(forced.reason, options);
  // Not asked again: what was pulled once for the same reference stays, until `clean --images`.
  const earlier = options.fresh ? undefined : await amazonFromEarlier(options);
  if (earlier !== undefined) return earlier;
  if (options.offline) {
    if (forced === undefined)
      return debian('no Amazon Linux image is in the engine, and --offline forbids pulling it', options);
    throw new StageError('the Amazon Linux image is not in the engine, and --offline forbids pulling it', {
      hint: 'Run once without --offline.',
    });
  }
  const answer = await askRegistry(options);
  if (answer.answers) {
    return {
      kind: 'amazonlinux',
      reason: forced?.reason ?? `${registryOf(platform.toolchain.base)} answers`,
      toolchain: await amazonImage(await toolchainRequest(options), {
        baseDigest: answer.baseDigest,
        options,
      }),
      runtime: await amazonImage(runtimeRequest(options), { baseDigest: answer.runtimeDigest, options }),
    };
  }
  if (forced === undefined) return debian(answer.reason, options);
  throw new StageError(`the Amazon Linux toolchain is not available: ${answer.reason}`, {
    hint: 'Give --registry a mirror that answers, or use --toolchain debian.',
  });
}

async function debian(reason: string, options: ChooseOptions): Promise<Toolchain> {
  const { platform } = options;
  if (compareVersions(DEBIAN_GLIBC, platform.glibc) > 0) {
    throw new StageError(
      `no toolchain for ${platform.name}: ${reason}; and the embedded Debian 11 has glibc ${DEBIAN_GLIBC}, newer than the platform's ${platform.glibc}`,
      {
        hint: `Build where ${registryOf(platform.toolchain.base)} answers (or give --registry a mirror of it), or choose provided.al2023.`,
      },
    );
  }
  return {
    kind: 'debian',
    reason,
    toolchain: await debianImage('debian-toolchain', options),
    runtime: await debianImage('debian-runtime', options),
  };
}

async function amazonFromEarlier(options: ChooseOptions): Promise<Toolchain | undefined> {
  const toolchain = await madeEarlier(await toolchainRequest(options), options);
  const runtime = await madeEarlier(runtimeRequest(options), options);
  if (toolchain === undefined || runtime === undefined) return undefined;
  return { kind: 'amazonlinux', reason: 'its images are in the engine', toolchain, runtime };
}

type RegistryAnswer =
  | {
      readonly answers: true;
      readonly baseDigest: string | undefined;
      readonly runtimeDigest: string | undefined;
    }
  | { readonly answers: false; readonly reason: string };

/**
 * Asks, through the engine, for the digests of both images, within one deadline. An engine that cannot
 * resolve a digest (Podman) is not enough of an answer: there the registry is asked from here.
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

/** What a registry says that has no such image, or not for everybody. */
const REFUSALS: readonly (number | undefined)[] = [401, 403, 404];

/** The image's digest, or why an answering registry has none. Rejects when it does not answer. */
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

/** The end of an engine's chain of reasons: `Get "https://…": dial tcp: lookup …: no such host`. */
export function lastReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return ((message.split('\n')[0] ?? '').split(': ').at(-1) ?? message).replace(/ \(HTTP \d+\)$/, '');
}

function registryOf(image: string): string {
  return image.slice(0, image.indexOf('/'));
}
