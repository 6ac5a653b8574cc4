/** PEM certificates and key for an engine that uses TLS. Node's defaults apply to absent ones. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** False only if a Docker context has `SkipTLSVerify`, or DOCKER_TLS is set without DOCKER_TLS_VERIFY. */
  readonly verify: boolean;
}

/** The address of an engine, with everything that is needed to connect to it. */
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
  /** Through the user's `ssh` command, as the Docker CLI does: it runs `docker system dial-stdio` on the remote host. */
  | {
      readonly kind: 'ssh';
      readonly endpoint: string;
      /** The arguments of `ssh` that name the remote host: `-l`, user, `-p`, port, host. */
      readonly destination: readonly string[];
      readonly env: Readonly<Record<string, string | undefined>>;
    };

/** Returns the address of a unix socket. */
export function socketAddress(path: string): EngineAddress {
  return { kind: 'socket', endpoint: `unix://${path}`, path };
}

/**
 * Parses `DOCKER_HOST` or the host of a Docker context: `unix://`, `npipe://`, `tcp://`, `http(s)://`, `ssh://`. Without a
 * scheme it is `tcp://`, as in the Docker CLI. `tls` applies to `tcp://`, which does not use TLS without it, and to
 * `https://`, which always does. Throws a plain Error for an invalid address.
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
      if (rest === '') throw new Error(`${text} does not name a socket`);
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
      throw new Error(`${text} has the unsupported scheme ${scheme}://`);
  }
}

function parseAuthority(
  text: string,
  rest: string,
): { readonly hostname: string; readonly port: number | undefined; readonly username: string } {
  // The scheme does not matter here. For http(s), the URL class would drop the default port.
  const url = URL.canParse(`tcp://${rest}`) ? new URL(`tcp://${rest}`) : undefined;
  const hostname = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
  // A name that begins with a dash would be an option to `ssh`.
  if (url === undefined || hostname === '' || hostname.startsWith('-')) {
    throw new Error(`${text} does not name a valid host`);
  }
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '' || url.password !== '') {
    throw new Error(`${text} contains more than a user, a host and a port`);
  }
  return {
    hostname,
    port: url.port === '' ? undefined : Number(url.port),
    username: decodeURIComponent(url.username),
  };
}
