import { isAbsolute, resolve } from 'node:path';
import { UsageError } from '../core/errors.js';
import type { Reporter } from '../core/reporter.js';
import type { SigningKey } from '../core/signing-key.js';
import { DEFINITION_FILE, findProject } from '../definition/project.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { folderObjects } from '../store/folder-objects.js';
import { layeredStore } from '../store/layered-store.js';
import { signedStore } from '../store/signed-store.js';
import type { Store } from '../store/store.js';
import { tolerantStore, type TolerantStore } from '../store/tolerant-store.js';
import type { Io } from './io.js';
import { KEY_VARIABLE, signingKeys } from './signing-keys.js';

/** Flags of a command that uses a shared store. */
export interface SharedStoreArgs {
  /** `s3://BUCKET/PREFIX`, a folder, or `none`. Undefined: that of the project. */
  readonly sharedStore?: string | undefined;
  readonly requireSignatures?: boolean | undefined;
  readonly share?: boolean | undefined;
  /** The file of a private key. */
  readonly signingKey?: string | undefined;
  readonly offline: boolean;
}

/** The value of `--shared-store` for a run without the project's. */
const NONE = 'none';

/** Where a shared store is. */
type Location =
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'folder'; readonly path: string };

/** A shared store that is open. */
export interface OpenSharedStore {
  readonly store: ArtifactStore;
  /** The same for a build, which fails nothing. */
  readonly tolerant: TolerantStore;
}

/**
 * Opens the shared store that the flags or the project name. Undefined if there is none, or `--offline` forbids it. Calls no server yet. Throws
 * UsageError for flags that do not fit together, and for a key that cannot be read.
 */
export async function openSharedStore(
  io: Io,
  args: SharedStoreArgs,
  { tmpDir, reporter }: { readonly tmpDir: string; readonly reporter: Reporter },
): Promise<OpenSharedStore | undefined> {
  const project = await findProject(io.cwd);
  const signingKey = await signingKeyOf(io, args);
  const named = args.sharedStore ?? project.store;
  if (named === undefined || named === NONE) {
    if (args.share === true) {
      throw new UsageError('--share needs a shared store', {
        hint: `Name it with --shared-store s3://BUCKET/PREFIX, or as \`store\` in ${DEFINITION_FILE}.`,
      });
    }
    return undefined;
  }
  const base = args.sharedStore === undefined ? project.folder : io.cwd;
  const location = locationOf(named, base);
  if (args.offline && location.kind === 's3') {
    if (args.share === true)
      throw new UsageError('--share and --offline exclude each other', { hint: 'Leave one of them out.' });
    return undefined;
  }
  const trustedKeys = [...project.trustedKeys.values()];
  if (signingKey !== undefined && !trustedKeys.includes(signingKey.publicKey)) {
    reporter.warn(
      `the key ${signingKey.id} is not among \`trustedKeys\` of ${DEFINITION_FILE}: others do not use what it signs`,
    );
  } else if (trustedKeys.length === 0) {
    reporter.warn(
      `${DEFINITION_FILE} names no \`trustedKeys\`: nothing in the shared store ${named} is used`,
    );
  }
  const store = signedStore(await objectsAt(location, io), {
    trustedKeys,
    signingKey,
    requireSignatures: args.requireSignatures === true,
    tmpDir,
    warn: reporter.warn,
  });
  return { store, tolerant: tolerantStore(store, reporter.warn) };
}

/** Puts the folder before the shared store, if there is one. */
export function layeredFor(
  io: Io,
  args: SharedStoreArgs,
  {
    folder,
    shared,
    reporter,
  }: { readonly folder: Store; readonly shared: OpenSharedStore | undefined; readonly reporter: Reporter },
): Store {
  if (shared === undefined) return folder;
  return layeredStore(folder, shared.tolerant, {
    isStrict: args.requireSignatures === true,
    report: reporter.info,
    warn: reporter.warn,
    signal: io.signal,
  });
}

function locationOf(named: string, base: string): Location {
  const [, bucket, prefix = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(named) ?? [];
  if (bucket !== undefined) return { kind: 's3', bucket, prefix: prefix.replace(/\/+$/, '') };
  if (named === '' || /^[a-z0-9+.-]+:/i.test(named)) {
    throw new UsageError(`the shared store '${named}' is neither s3://BUCKET/PREFIX nor a folder`, {
      hint: `Correct --shared-store, or \`store\` in ${DEFINITION_FILE}.`,
    });
  }
  return { kind: 'folder', path: isAbsolute(named) ? named : resolve(base, named) };
}

async function objectsAt(location: Location, io: Io) {
  if (location.kind === 'folder') return folderObjects(location.path);
  // The SDK takes longer to load than most commands.
  const { s3Objects } = await import('../store/s3-objects.js');
  const isStandIn = [io.env['AWS_ENDPOINT_URL_S3'], io.env['AWS_ENDPOINT_URL']].some(Boolean);
  return s3Objects({ ...location, isStandIn });
}

/** Returns the key that signs what is shared. Undefined without `--share`. */
async function signingKeyOf(io: Io, { share, signingKey }: SharedStoreArgs): Promise<SigningKey | undefined> {
  if (share !== true) return undefined;
  const [key] = await signingKeys(io, signingKey === undefined ? [] : [signingKey]);
  if (key !== undefined) return key;
  throw new UsageError('--share needs a key that signs what is shared', {
    hint: `Name its file with --signing-key, or put its text into ${KEY_VARIABLE}; \`layersmith keys new FILE\` creates one.`,
  });
}
