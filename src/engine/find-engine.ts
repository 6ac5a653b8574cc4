import { join } from 'node:path';

import { EngineUnavailableError, LayersmithError, type ErrorOptions } from '../core/errors.js';
import type { ContainerEngine } from './container-engine.js';
import { configuredEngine } from './docker-context.js';
import { openDockerEngine } from './docker-engine.js';
import { dockerCredentials } from './registry-credentials.js';
import { socketAddress, type EngineAddress } from './engine-address.js';
import { PERMISSION_DENIED, START_HINT, abortReason } from './translate-error.js';

/** Where to look for an engine. */
export interface EngineSearch {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  readonly signal?: AbortSignal;
  /** For tests: replaces `/var/run/docker.sock` and Podman's socket. */
  readonly machineSockets?: { readonly docker: string; readonly podman: string };
  /** For tests: replaces `PING_SECONDS`. */
  readonly pingSeconds?: Readonly<Record<EngineAddress['kind'], number>>;
}

/** How long an engine may take to answer, in seconds. The ssh handshake alone can take some. */
const PING_SECONDS = { socket: 10, tcp: 10, ssh: 15 } as const;

/** No engine answered. `details` has each address that was tried, and why it failed. */
export class EngineNotFoundError extends EngineUnavailableError {
  /**
   * Where the engine that does not answer is configured: `DOCKER_HOST`, a Docker context, or a default socket that this
   * user may not open. Undefined if none is configured and no default socket answers; then an engine may be started.
   */
  readonly configuredBy: string | undefined;

  constructor(message: string, options: ErrorOptions & { readonly configuredBy?: string | undefined }) {
    super(message, options);
    this.configuredBy = options.configuredBy;
  }
}

/**
 * Finds an engine that answers: the one that DOCKER_HOST or the Docker context names, else the first of the default
 * sockets. A configured engine that does not answer is never replaced with another. Throws `EngineNotFoundError` if no
 * engine answers.
 */
export async function findEngine(search: EngineSearch): Promise<ContainerEngine> {
  const configured = await configuredEngine(search);
  if (configured !== undefined) {
    const { configuredBy, address } = configured;
    const tried = address instanceof Error ? address : await tryAddress(address, search);
    if (!(tried instanceof Error)) return tried;
    const place = address instanceof Error ? '' : ` at ${address.endpoint}`;
    throw new EngineNotFoundError(
      `cannot use the container engine${place} that ${configuredBy} names: ${reason(tried)}`,
      {
        configuredBy,
        details: address instanceof Error ? {} : { [address.endpoint]: reason(tried) },
        hint: hintFor(tried, configuredBy),
        cause: tried,
      },
    );
  }

  const addresses = usualSockets(search).map(socketAddress);
  const found = new AbortController();
  const signal = search.signal === undefined ? found.signal : AbortSignal.any([search.signal, found.signal]);
  // All at once, so that timeouts do not add up. The order determines which of those that answer is used.
  const attempts = addresses.map((address) => tryAddress(address, { ...search, signal }));
  for (const attempt of attempts) attempt.catch(() => undefined);
  const details: Record<string, string> = {};
  try {
    for (const [index, attempt] of attempts.entries()) {
      const tried = await attempt;
      if (!(tried instanceof Error)) return tried;
      details[addresses[index]?.endpoint ?? ''] = reason(tried);
    }
  } finally {
    found.abort();
  }
  const denied = Object.entries(details).find(([, why]) => why === PERMISSION_DENIED)?.[0];
  if (denied !== undefined)
    throw new EngineNotFoundError(`no permission to use the container engine at ${denied}`, {
      // An engine exists: starting another would not help.
      configuredBy: denied,
      details,
      hint: 'Join the group that owns the socket (`sudo usermod -aG docker $USER`, then log in again), or use sudo.',
    });
  throw new EngineNotFoundError('no container engine answers at any of the default addresses', {
    details,
    hint: 'Run `layersmith doctor --fix` as root, which installs and starts Docker on Debian or Ubuntu; or start Docker or Podman (its API socket: `podman system service`), or set DOCKER_HOST to a running engine.',
  });
}

/** Returns the default sockets of Docker and Podman, in the order in which they are tried. */
export function usualSockets(search: EngineSearch): readonly string[] {
  const { env, homeDir, machineSockets } = search;
  const runtimeDir = env['XDG_RUNTIME_DIR'];
  const places = [
    machineSockets?.docker ?? '/var/run/docker.sock',
    runtimeDir && join(runtimeDir, 'docker.sock'),
    join(homeDir, '.docker/run/docker.sock'),
    join(homeDir, '.docker/desktop/docker.sock'),
    join(homeDir, '.colima/default/docker.sock'),
    runtimeDir && join(runtimeDir, 'podman/podman.sock'),
    machineSockets?.podman ?? '/run/podman/podman.sock',
  ];
  return [...new Set(places.flatMap((place) => (place ? [place] : [])))];
}

/** Returns an engine that answers, or the reason why it does not. Rejects only if the search is aborted. */
async function tryAddress(address: EngineAddress, search: EngineSearch): Promise<ContainerEngine | Error> {
  const { pingSeconds = PING_SECONDS, signal } = search;
  const seconds = pingSeconds[address.kind];
  const timeout = AbortSignal.timeout(seconds * 1000);
  try {
    const engine = await openDockerEngine(address, dockerCredentials(search));
    await engine.ping(signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    return engine;
  } catch (error) {
    if (signal?.aborted === true) throw abortReason(signal);
    if (timeout.aborted) return new Error(`no answer in ${seconds} s`);
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Returns why an address failed, without what the surrounding message already says. */
function reason(error: Error): string {
  return error.message
    .replace(/^cannot find a container engine: /, '')
    .replace(/^the container engine at \S+ is not available: /, '');
}

function hintFor(error: Error, configuredBy: string): string {
  const own = error instanceof LayersmithError ? error.hint : undefined;
  return own === undefined || own === START_HINT ? `Start that engine, or change ${configuredBy}.` : own;
}
