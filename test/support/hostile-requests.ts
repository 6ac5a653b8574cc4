import type { RandomSource } from './fuzz-bytes.js';

// Events of HTTP requests with what a client can put into them, and some with what no front end would.

const ODD_TEXTS = [
  ...['', '\0', 'a\0b', '\r\nX: y', 'é', '\ud800', '../../etc', '%00', '%zz', '=', '&=&', '[]', 'a[', 'a]'],
  ...['a[b][c', '"', "'", '<x>', '\t', '0', '-1', ' ', 'a b', 'a.b', 'GLOBALS', '_SERVER', 'x'.repeat(9000)],
];
const METHODS = ['GET', 'POST', 'POST', 'PUT', 'HEAD', 'PATCH', 'get', 'GET /\r\n', '', 'X'.repeat(40)];
const PATHS = [
  '/',
  '/a b',
  '/%2e%2e/x',
  '//',
  '',
  'x',
  '/é',
  '/\0',
  '/?x',
  '*',
  '/fail',
  '/exit',
  '/flush',
  '/finish',
];
const HEADERS = [
  ...[
    'x-a',
    'X-A',
    'cookie',
    'Cookie',
    'host',
    'content-length',
    'transfer-encoding',
    'authorization',
    'proxy',
  ],
  ...[
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-port',
    'content_type',
    'a b',
    'é',
    '',
    '\0',
    '1',
    'range',
  ],
];
const BODIES_OF_BASE64 = ['!!!!', 'A', 'AA==', '====', 'YQ==\n'];

class Hostile {
  readonly #random: RandomSource;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  below(limit: number): number {
    return this.#random.int(limit);
  }

  one<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('there is nothing to choose from');
    return value;
  }

  times<T>(limit: number, make: () => T): T[] {
    return Array.from({ length: this.below(limit) }, make);
  }

  /** JSON of any shape, in place of a text. */
  value(depth = 0): unknown {
    switch (this.below(10)) {
      case 0:
        return this.below(2 ** 31) - 2 ** 30;
      case 1:
        return null;
      case 2:
        return this.below(2) === 0;
      case 3:
        return depth > 3 ? [] : this.times(4, () => this.value(depth + 1));
      case 4:
        return depth > 3 ? {} : this.map(4, () => this.value(depth + 1));
      case 5:
        return `v${String(this.below(1000))}`;
      default:
        return this.one(ODD_TEXTS);
    }
  }

  map(limit: number, make: () => unknown, names: readonly string[] = ODD_TEXTS): Record<string, unknown> {
    return Object.fromEntries(this.times(limit, () => [this.one(names), make()]));
  }

  multipart(): { type: string; body: Buffer } {
    const boundary = this.one(['B', '-'.repeat(70), 'a'.repeat(300), '', '"q', 'B; x']);
    const names = ['f', 'f[]', 'f[a][b]', 'a'.repeat(3000), 'MAX_FILE_SIZE', '', 'f[', 'f"', 'é'];
    const parts = this.times(this.below(20) === 0 ? 2000 : 6, () => {
      const name = `Content-Disposition: form-data; name="${this.one(names)}"`;
      const file = this.one([
        '',
        '; filename="a.txt"',
        '; filename="../../x"',
        '; filename=""',
        '; filename="\0"',
      ]);
      const type = this.one(['', '\r\nContent-Type: text/plain', `\r\nX-Y: ${'z'.repeat(5000)}`]);
      const end = this.one(['\r\n\r\n', '\r\n', '']);
      return `--${boundary}${this.one(['\r\n', '\n', ''])}${name}${file}${type}${end}${this.one(ODD_TEXTS)}\r\n`;
    });
    const whole = `${parts.join('')}${this.one(['', `--${boundary}--\r\n`])}`;
    const body = this.below(3) === 0 ? whole.slice(0, this.below(whole.length + 1)) : whole;
    return { type: `multipart/form-data; boundary=${boundary}`, body: Buffer.from(body) };
  }

  body(headers: Record<string, unknown>): { body?: unknown; isBase64Encoded: unknown } {
    switch (this.below(5)) {
      case 0:
        return { isBase64Encoded: false };
      case 1: {
        const { type, body } = this.multipart();
        headers['content-type'] = type;
        return { body: body.toString('base64'), isBase64Encoded: true };
      }
      case 2: {
        headers['content-type'] = 'application/x-www-form-urlencoded';
        const pairs = this.times(
          this.below(10) === 0 ? 1500 : 5,
          () => `${this.one(ODD_TEXTS.slice(0, 20))}=x`,
        );
        return { body: pairs.join('&'), isBase64Encoded: false };
      }
      case 3:
        return { body: this.one(BODIES_OF_BASE64), isBase64Encoded: this.one([true, 'true', 1]) };
      default:
        return { body: this.value(), isBase64Encoded: this.one([true, false]) };
    }
  }

  headers(): Record<string, unknown> {
    const few = this.map(8, () => this.value(), HEADERS);
    if (this.below(40) > 0) return few;
    return { ...few, ...Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`x-${String(n)}`, 'v'])) };
  }

  event(): Record<string, unknown> {
    const headers = this.headers();
    const method = this.below(4) === 0 ? this.value() : this.one(METHODS);
    const path = this.below(10) === 0 ? this.value() : this.one(PATHS);
    const body = this.body(headers);
    if (this.below(2) === 0) {
      const cookies =
        this.below(2) === 0 ? {} : { cookies: this.times(this.one([2, 400]), () => this.value()) };
      const query = this.times(5, () => `${this.one(ODD_TEXTS)}=${this.one(ODD_TEXTS)}`).join('&');
      const http = { method, path, protocol: 'HTTP/1.1', sourceIp: '203.0.113.7' };
      return {
        ...{ version: '2.0', rawPath: path, rawQueryString: query, headers, requestContext: { http } },
        ...{ ...cookies, ...body },
      };
    }
    const multiValueHeaders = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, this.times(4, () => value)]),
    );
    return {
      ...{ httpMethod: method, path, headers, ...body },
      queryStringParameters: this.map(4, () => this.value()),
      requestContext: this.one([{}, { elb: {} }, { identity: { sourceIp: '203.0.113.7' } }, null, 'x', []]),
      ...(this.below(2) === 0 ? {} : { multiValueHeaders }),
      ...(this.below(2) === 0
        ? {}
        : { multiValueQueryStringParameters: this.map(4, () => this.times(4, () => this.value())) }),
    };
  }
}

/** A random event. It is JSON, as Lambda accepts nothing else. */
export function hostileRequest(random: RandomSource): Buffer {
  return Buffer.from(JSON.stringify(new Hostile(random).event()));
}
