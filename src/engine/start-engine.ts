import { EngineUnavailableError } from '../core/errors.js';
import { runCommand } from '../core/run-command.js';
import type { ContainerEngine } from './container-engine.js';
import { EngineNotFoundError, findEngine, type EngineSearch } from './find-engine.js';

/**
 * Finds an engine, or, where nobody chose one and none answers on a Linux machine, has the script install
 * Debian's docker.io and start it. Throws EngineUnavailableError when that cannot be done here either.
 */
export async function findOrStartEngine(
  search: EngineSearch & { readonly signal: AbortSignal },
  options: {
    readonly os: string;
    readonly script: string;
    /** Nothing may be installed. */
    readonly offline: boolean;
    /** Proxies, for apt. */
    readonly env: Readonly<Record<string, string>>;
    readonly report: (line: string) => void;
  },
): Promise<ContainerEngine> {
  try {
    return await findEngine(search);
  } catch (error) {
    const mayStart = error instanceof EngineNotFoundError && error.configuredBy === undefined;
    if (!mayStart || options.os !== 'linux' || options.offline) throw error;
    options.report('no container engine answers: running scripts/start-engine.sh');
    const { status, lastLines } = await runCommand(['/bin/sh', options.script], {
      env: { ...options.env, HOME: search.homeDir },
      signal: search.signal,
      onLine: (line) => {
        if (line.startsWith('start-engine:')) options.report(line);
      },
    });
    if (status === 0) return findEngine(search);
    throw new EngineUnavailableError('no container engine answers, and none could be started here', {
      details: { 'start-engine.sh': lastLines, ...error.details },
      hint: 'Install and start Docker Engine or Podman, or set DOCKER_HOST to an engine that runs.',
      cause: error,
    });
  }
}
