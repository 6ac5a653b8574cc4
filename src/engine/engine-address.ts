/** Certificates for an engine behind TLS, in PEM; what is absent is left to Node's defaults. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** False only where a Docker context says `SkipTLSVerify`, or DOCKER_TLS is set without DOCKER_TLS_VERIFY. */
  readonly verify: boolean;
}

/** Where an engine is, with everything that is needed to reach it. */
export type EngineAddress =
  /** A unix socket, or a named pipe on Windows. */
  | { readonly kind: 'socket'; readonly endpoint: string; readonly path: string }
  | {
      readonly kind: 'tcp';
      readonly endpoint: string;
      readonly host: string;
      readonly port: number;
      readonly tls?: TlsMaterial;
    }
  /** Through the user's own `ssh` command, as the Docker CLI does: `docker system dial-stdio` on the other side. */
  | {
      readonly kind: 'ssh';
      readonly endpoint: string;
      /** `ssh`'s arguments that name the other side: `-l`, user, `-p`, port, host. */
      readonly destination: readonly string[];
      readonly env: Readonly<Record<string, string | undefined>>;
    };

/** The address of a unix socket. */
export function socketAddress(path: string): EngineAddress {
  return { kind: 'socket', endpoint: `unix://${path}`, path };
}

/**
 * Reads a `DOCKER_HOST` or the host of a Docker context: `unix://`, `npipe://`, `tcp://`, `http(s)://`,
 * `ssh://`; without a scheme it is `tcp://`, as in the Docker CLI. `tls` is used by `tcp://`, which has no
 * TLS without it, and by `https://`, which always has. Throws a plain Error that says what is wrong.
 */
export function parseEngineAddress(
  text: string,
  options: {
    readonly tls?: TlsMaterial | undefined;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): EngineAddress {
  const [, scheme = 'tcp', rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(text) ?? [];
  switch (scheme) {
    case 'unix':
    case 'npipe': {
      if (rest === '') throw new Error(`${text} names no socket`);
      return { kind: 'socket', endpoint: text, path: rest };
    }
    case 'tcp':
    case 'http':
    case 'https': {
      const { hostname, port } = parseAuthority(text, rest);
      const tls = scheme === 'https' ? (options.tls ?? { verify: true }) : options.tls;
      const secure = tls !== undefined && scheme !== 'http';
      const usualPort = { tcp: secure ? 2376 : 2375, http: 80, https: 443 }[scheme];
      return {
        kind: 'tcp',
        endpoint: `${scheme}://${rest}`,
        host: hostname,
        port: port ?? usualPort,
        ...(secure ? { tls } : {}),
      };
    }
    case 'ssh': {
      const { hostname, port, username } = parseAuthority(text, rest);
      const destination = [
        ...(username === '' ? [] : ['-l', username]),
        ...(port === undefined ? [] : ['-p', String(port)]),
        hostname,
      ];
      return { kind: 'ssh', endpoint: text, destination, env: options.env };
    }
    default:
      throw new Error(`${text} starts with ${scheme}://, which is not a way to reach an engine`);
  }
}

function parseAuthority(
  text: string,
  rest: string,
): { readonly hostname: string; readonly port: number | undefined; readonly username: string } {
  // The scheme does not matter here, and for http(s) the URL class would drop the usual port.
  const url = URL.canParse(`tcp://${rest}`) ? new URL(`tcp://${rest}`) : undefined;
  const hostname = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
  // A name that begins with a dash would be an option to `ssh`.
  if (url === undefined || hostname === '' || hostname.startsWith('-')) {
    throw new Error(`${text} names no host`);
  }
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '' || url.password !== '') {
    throw new Error(`${text} has more in it than a host and a port`);
  }
  return {
    hostname,
    port: url.port === '' ? undefined : Number(url.port),
    username: decodeURIComponent(url.username),
  };
}
