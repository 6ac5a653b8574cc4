import { LayersmithError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import { LOCK_FILE } from '../definition/project.js';
import { findEngine } from '../engine/find-engine.js';
import { ownerLabels } from '../engine/owned-containers.js';
import type { Architecture, Platform } from '../platform/platform.js';
import type { Store } from '../store/store.js';
import { prepareToolchain } from '../toolchain/describe-toolchain.js';
import { digestInKeys, lockKey } from '../toolchain/lock-file.js';
import type { ImageRole, Toolchain, ToolchainKind } from '../toolchain/toolchain.js';
import type { Io } from './io.js';
import type { BuildArgs } from './build-session.js';
import { lockedKind, openLock, toolchainOptions } from './toolchain-session.js';

/** The toolchain that the keys of a plan are computed with. */
export interface PlannedToolchain {
  readonly kind: ToolchainKind;
  readonly digest: string;
  /** The digest of the runtime image, which is part of the keys of layers. Undefined if neither a lock nor the engine has it. */
  readonly runtimeDigest: string | undefined;
  /** Why this kind was chosen. */
  readonly reason: string;
  /** Why another machine may plan other keys. Undefined if flags and locks alone decide kind and digest. */
  readonly caveat: string | undefined;
}

type Args = Pick<BuildArgs, 'toolchain' | 'offline'>;

/**
 * Returns the toolchain that a build would use, as far as it is known without asking a registry. Undefined if neither a lock
 * nor the engine has a toolchain for the platform.
 */
export async function plannedToolchain(
  io: Io,
  asked: ToolchainKind | undefined,
  {
    platform,
    machine,
    present: findPresent,
  }: {
    readonly platform: Platform;
    /** The architecture of the engine's machine. */
    readonly machine: Architecture;
    /** Looks for a toolchain in the engine. Called only if a lock does not decide. */
    readonly present: () => Promise<Pick<Toolchain, 'kind' | 'buildImage' | 'runtimeImage'> | undefined>;
  },
): Promise<PlannedToolchain | undefined> {
  const { lock, own } = await openLock(io);
  const digestOf = (kind: ToolchainKind, role: ImageRole = 'toolchain'): string | undefined => {
    const locked = lock.get(lockKey(role, { kind, platform, machine }));
    return locked && digestInKeys(locked);
  };
  const required = asked ?? lockedKind(own, { platform, machine });
  if (required !== undefined) {
    const reason = asked === undefined ? `locked in ${LOCK_FILE}` : `set by --toolchain ${asked}`;
    // Prefer the lock's digest to that of this engine's image: it is the same on every machine.
    const locked = digestOf(required);
    if (locked !== undefined) {
      const runtimeDigest = digestOf(required, 'runtime');
      return { kind: required, digest: locked, runtimeDigest, reason, caveat: undefined };
    }
    const present = await findPresent();
    if (present === undefined) return undefined;
    const caveat =
      'another machine may have another image of it, and plan other keys; pin it with `layersmith lock`';
    const { buildImage, runtimeImage } = present;
    return {
      ...{ kind: required, digest: buildImage.digest, runtimeDigest: runtimeImage.digest },
      ...{ reason, caveat },
    };
  }
  const present = await findPresent();
  const kind = present?.kind ?? 'debian';
  const digest = digestOf(kind) ?? present?.buildImage.digest;
  if (digest === undefined) return undefined;
  const [reason, caveat] =
    kind === 'amazonlinux'
      ? ['its images are in the engine', 'another machine may choose another toolchain and plan other keys']
      : [
          'no Amazon Linux images are in the engine',
          'where the registry of Amazon Linux answers, a build uses that toolchain and other keys',
        ];
  const runtimeDigest = digestOf(kind, 'runtime') ?? present?.runtimeImage.digest;
  return {
    kind,
    digest,
    runtimeDigest,
    reason,
    caveat: `${caveat}; pin one with \`layersmith lock\` or --toolchain`,
  };
}

/** Returns the toolchain that the engine has. Pulls and creates no image. Undefined if there is none, or no engine answers. */
export async function presentToolchain(
  io: Io,
  args: Args,
  {
    platform,
    store,
    reporter,
  }: { readonly platform: Platform; readonly store: Store; readonly reporter: Reporter },
): Promise<Toolchain | undefined> {
  try {
    const engine = await findEngine({ env: io.env, homeDir: io.homeDir, signal: io.signal });
    const choice = await toolchainOptions(
      io,
      { ...args, offline: true },
      { engine, platform, store, reporter },
    );
    const inspecting = { engine, stateDir: store.stateDir, labels: ownerLabels(), signal: io.signal };
    return (await prepareToolchain(choice, inspecting)).toolchain;
  } catch (error) {
    if (!(error instanceof LayersmithError)) throw error;
    return undefined;
  }
}
