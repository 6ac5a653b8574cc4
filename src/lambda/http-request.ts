/** An HTTP request, as it came over the connection. */
export interface HttpRequest {
  readonly method: string;
  /** The path and the query string as the client encoded them. Starts with `/`. */
  readonly target: string;
  /** Names and values in their order. A repeated header is here several times. */
  readonly headers: readonly (readonly [string, string])[];
  /** Empty if there is none. */
  readonly body: Buffer;
  /** `HTTP/1.1` */
  readonly protocol: string;
  readonly scheme: 'http' | 'https';
  readonly sourceIp: string;
}

/** When a request arrived, and its id. */
export interface Arrival {
  readonly requestId: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Headers of the connection to the client. They are not part of an event or of a function's answer (RFC 9110, 7.6.1). */
export const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The value of a header, or undefined. Repeated headers are joined by `,`. */
export function headerOf({ headers }: HttpRequest, name: string): string | undefined {
  const values = headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(',');
}

/** Splits a target at its first `?`. The query string is empty if there is none. */
export function splitTarget({ target }: HttpRequest): { readonly path: string; readonly query: string } {
  const at = target.indexOf('?');
  return at === -1 ? { path: target, query: '' } : { path: target.slice(0, at), query: target.slice(at + 1) };
}

/** The host of the `Host` header, without its port; `localhost` if there is none. */
export function hostOf(request: HttpRequest): string {
  return (headerOf(request, 'host') ?? 'localhost').replace(/:\d+$/, '');
}

/** The port of the `Host` header, or that of the scheme. */
export function portOf(request: HttpRequest): string {
  const [, port] = /:(\d+)$/.exec(headerOf(request, 'host') ?? '') ?? [];
  return port ?? (request.scheme === 'https' ? '443' : '80');
}

/** Groups pairs by name: each name has its values in order. The groups are in the order of their first value. */
export function groupByName(
  pairs: Iterable<readonly [string, string]>,
): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [value]);
    else group.push(value);
  }
  return groups;
}
