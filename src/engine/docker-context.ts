import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { sha256 } from '../core/digest.js';
import { parseEngineAddress, type EngineAddress, type TlsMaterial } from './engine-address.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** An engine that the user chose with an environment variable or a Docker context. */
export interface ConfiguredEngine {
  /** Where it is configured: `DOCKER_HOST`, or the name and place of a context. */
  readonly configuredBy: string;
  /** The address, or the error in its configuration. */
  readonly address: EngineAddress | Error;
}

const configSchema = z.object({ currentContext: z.string().optional() });

const contextSchema = z.object({
  Endpoints: z.object({
    docker: z.object({ Host: z.string().min(1), SkipTLSVerify: z.boolean().optional() }),
  }),
});

/**
 * Returns the engine that the user chose, by the rules of the Docker CLI: DOCKER_HOST, else DOCKER_CONTEXT, else
 * `currentContext` in its configuration (https://docs.docker.com/engine/manage-resources/contexts/). Returns undefined if
 * none of them is set.
 */
export async function configuredEngine(options: {
  readonly env: Environment;
  readonly homeDir: string;
}): Promise<ConfiguredEngine | undefined> {
  const { env, homeDir } = options;
  const configDir = env['DOCKER_CONFIG'] || join(homeDir, '.docker');
  const host = env['DOCKER_HOST'];
  if (host) {
    return choice('DOCKER_HOST', async () =>
      parseEngineAddress(host, { tls: await tlsFromEnvironment(env, configDir), env }),
    );
  }
  if (env['DOCKER_CONTEXT']) return contextChoice(env['DOCKER_CONTEXT'], 'DOCKER_CONTEXT', configDir, env);

  const configPath = join(configDir, 'config.json');
  try {
    const text = await readIfThere(configPath);
    const name = text && configSchema.parse(JSON.parse(text.toString('utf8'))).currentContext;
    return name ? await contextChoice(name, configPath, configDir, env) : undefined;
  } catch (error) {
    return { configuredBy: configPath, address: explained('cannot be read', error) };
  }
}

async function contextChoice(
  name: string,
  source: string,
  configDir: string,
  env: Environment,
): Promise<ConfiguredEngine | undefined> {
  // It has no files: it means "no context".
  if (name === 'default') return undefined;
  return choice(`the Docker context \`${name}\` (${source})`, () => readContext(name, configDir, env));
}

async function choice(configuredBy: string, find: () => Promise<EngineAddress>): Promise<ConfiguredEngine> {
  try {
    return { configuredBy, address: await find() };
  } catch (error) {
    return { configuredBy, address: error instanceof Error ? error : new Error(String(error)) };
  }
}

async function readContext(name: string, configDir: string, env: Environment): Promise<EngineAddress> {
  const id = sha256(name);
  const path = join(configDir, 'contexts', 'meta', id, 'meta.json');
  const text = await readIfThere(path);
  if (text === undefined) throw new Error(`the context does not exist: ${path} is missing`);
  let docker;
  try {
    ({ docker } = contextSchema.parse(JSON.parse(text.toString('utf8'))).Endpoints);
  } catch (error) {
    throw explained(`${path} is not a valid context`, error);
  }
  const material = await readTls(join(configDir, 'contexts', 'tls', id, 'docker'));
  const isSecure = Object.keys(material).length > 0 || docker.SkipTLSVerify === true;
  return parseEngineAddress(docker.Host, {
    tls: isSecure ? { ...material, verify: docker.SkipTLSVerify !== true } : undefined,
    env,
  });
}

/** As in the Docker CLI, any value of DOCKER_TLS_VERIFY or DOCKER_TLS turns TLS on for DOCKER_HOST. */
async function tlsFromEnvironment(env: Environment, configDir: string): Promise<TlsMaterial | undefined> {
  const verify = Boolean(env['DOCKER_TLS_VERIFY']);
  if (!verify && !env['DOCKER_TLS'] && !/^https:/.test(env['DOCKER_HOST'] ?? '')) return undefined;
  const material = await readTls(env['DOCKER_CERT_PATH'] || configDir);
  return { ...material, verify: verify || !env['DOCKER_TLS'] };
}

async function readTls(dir: string): Promise<Omit<TlsMaterial, 'verify'>> {
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readIfThere(join(dir, name))),
  );
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function explained(what: string, error: unknown): Error {
  const why =
    error instanceof z.ZodError
      ? error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')
      : error instanceof Error
        ? error.message
        : String(error);
  return new Error(`${what}: ${why}`, { cause: error });
}
