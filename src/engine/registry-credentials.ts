import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EngineError } from '../core/errors.js';
import { errorCodeOf } from '../core/file-system.js';
import { describeParseError } from '../core/parse-error.js';
import { runCommand } from '../core/run-command.js';

/** What the engine passes on to a registry: the value of its header `X-Registry-Auth`. */
export type RegistryAuth = string & { readonly brand: 'RegistryAuth' };

/** Returns the credentials for the registry of an image. Throws EngineError if they cannot be read. */
export type RegistryCredentials = (imageName: string, signal?: AbortSignal) => Promise<RegistryAuth>;

/** Docker Hub's key in Docker's configuration. */
const DOCKER_HUB = 'https://index.docker.io/v1/';
/** The user name by which a credential helper marks a secret as an identity token. */
const TOKEN_USER = '<token>';
/** A helper may ask the user to unlock a key ring. */
const HELPER_LIMIT_MS = 60_000;

const configSchema = z.object({
  auths: z
    .record(
      z.string(),
      z.object({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
        identitytoken: z.string().optional(),
      }),
    )
    .default({}),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).default({}),
});

const helperSchema = z.object({ Username: z.string(), Secret: z.string() });

interface Credentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identitytoken?: string | undefined;
}

/** No credentials: the registry decides what everybody may do. */
export const ANONYMOUS = encode({});

/**
 * Reads credentials as the Docker CLI does: from `config.json` in `$DOCKER_CONFIG` or `~/.docker`, by the registry's own credential
 * helper, the common one, or the file itself (https://docs.docker.com/reference/cli/docker/login/). The file is read for each
 * call: another process may log in meanwhile.
 */
export function dockerCredentials({
  env,
  homeDir,
}: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
}): RegistryCredentials {
  const path = join(env['DOCKER_CONFIG'] || join(homeDir, '.docker'), 'config.json');
  return async (imageName, signal = new AbortController().signal) => {
    const config = await readConfig(path);
    if (config === undefined) return ANONYMOUS;
    const server = serverOf(imageName);
    const helper = config.credHelpers[server] ?? config.credsStore;
    const found =
      helper === undefined || helper === ''
        ? ofFile(config.auths, server)
        : await ofHelper(helper, { server, env, signal });
    return found === undefined ? ANONYMOUS : encode({ ...found, serveraddress: server });
  };
}

/** Returns the registry of an image name: `ghcr.io`, `127.0.0.1:5000`, or Docker Hub's key. */
export function serverOf(imageName: string): string {
  const slash = imageName.indexOf('/');
  const first = slash < 0 ? '' : imageName.slice(0, slash);
  // As Docker decides: a first part without a dot or a port is a user of Docker Hub.
  if (!/[.:]/.test(first) && first !== 'localhost') return DOCKER_HUB;
  return first === 'docker.io' || first === 'index.docker.io' ? DOCKER_HUB : first;
}

async function readConfig(path: string): Promise<z.infer<typeof configSchema> | undefined> {
  try {
    return configSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    if (errorCodeOf(cause) === 'ENOENT') return undefined;
    // A parse error of JSON could quote a password.
    const why = cause instanceof SyntaxError ? 'it is not JSON' : describeParseError(cause);
    throw new EngineError(`cannot read the credentials of registries from ${path}: ${why}`, {
      hint: 'Correct or remove that file, and log in again with `docker login`.',
    });
  }
}

function ofFile(auths: z.infer<typeof configSchema>['auths'], server: string): Credentials | undefined {
  const entry = auths[server] ?? Object.entries(auths).find(([key]) => hostOf(key) === hostOf(server))?.[1];
  if (entry === undefined) return undefined;
  const { auth, identitytoken } = entry;
  if (identitytoken !== undefined && identitytoken !== '') return { identitytoken };
  if (auth === undefined || auth === '') return { username: entry.username, password: entry.password };
  const text = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Old versions of Docker wrote URLs. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

/** Asks a credential helper: https://github.com/docker/docker-credential-helpers. */
async function ofHelper(
  helper: string,
  {
    server,
    env,
    signal,
  }: {
    readonly server: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly signal: AbortSignal;
  },
): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`;
  const own = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  const { ok, status, stdout, stderr, reason } = await runCommand([program, 'get'], {
    env: Object.fromEntries(own) as Readonly<Record<string, string>>,
    input: server,
    limitMs: HELPER_LIMIT_MS,
    signal,
  });
  // The protocol has no code for it: the CLI compares this text as well.
  if (!ok && status !== 127 && /credentials not found/.test(`${stdout}${stderr}`)) return undefined;
  const answer = ok ? helperSchema.safeParse(parsed(stdout)) : undefined;
  if (answer?.success !== true) {
    throw new EngineError(
      `cannot get the credentials of ${server}: ${ok ? `${program} answered with something else` : reason}`,
      {
        // stdout could have the secret.
        ...(stderr.trim() === '' ? {} : { details: { 'last lines': stderr.trim().split('\n').slice(-3) } }),
        hint: `Install ${program}, or remove \`${helper}\` from Docker's config.json and log in again.`,
      },
    );
  }
  const { Username: username, Secret: secret } = answer.data;
  return username === TOKEN_USER ? { identitytoken: secret } : { username, password: secret };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function encode(credentials: Credentials & { readonly serveraddress?: string }): RegistryAuth {
  // Docker ignores a value without the padding, which Node's `base64url` leaves out.
  const text = Buffer.from(JSON.stringify(credentials)).toString('base64');
  return text.replaceAll('+', '-').replaceAll('/', '_') as RegistryAuth;
}
