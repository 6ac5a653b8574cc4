import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { pipFolder } from './pip-folder.js';

/** What stands for AWS: moto's server, on loopback; its functions answer with their event. Leaving its scope ends it. */
export interface Moto extends AsyncDisposable {
  readonly url: string;
  /** AWS's own command line against it: an independent client. Parses what it prints. */
  awsCli(args: readonly string[]): Promise<unknown>;
}

/** Credentials that open nothing. */
export const TEST_CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'testing',
  AWS_SECRET_ACCESS_KEY: 'a-secret-that-must-not-be-seen',
  AWS_EC2_METADATA_DISABLED: 'true',
} as const;

/** How long the first start may take, which installs moto. */
export const PIP_INSTALL_MS = 5 * 60_000;

const PATIENCE_MS = 60_000;

export async function startMoto(): Promise<Moto> {
  const moto = await pipFolder('moto-5.2.5', { requirements: 'moto[server]==5.2.5\n' });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = spawn(
    'python3',
    [
      '-c',
      'import sys; from moto.server import main; main(sys.argv[1:])',
      '-H',
      '127.0.0.1',
      '-p',
      String(port),
    ],
    // Without the policies of AWS a role could be given none.
    {
      env: { ...process.env, PYTHONPATH: moto, MOTO_IAM_LOAD_MANAGED_POLICIES: 'true' },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  server.stderr.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-4000);
  });
  const limit = performance.now() + PATIENCE_MS;
  // It would run functions in containers.
  const settings = JSON.stringify({ lambda: { use_docker: false } });
  for (;;) {
    const isReady = await fetch(`${url}/moto-api/config`, { method: 'POST', body: settings }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) break;
    if (server.exitCode !== null || performance.now() > limit)
      throw new Error(`moto's server did not start:\n${said}`);
    await sleep(100);
  }
  return {
    url,
    awsCli: async (args) => {
      const cli = await pipFolder('awscli-1.46.3', { requirements: 'awscli==1.46.3\n' });
      const { stdout } = await promisify(execFile)('python3', ['-m', 'awscli', ...args, '--output', 'json'], {
        env: {
          ...{ ...process.env, ...TEST_CREDENTIALS, PYTHONPATH: cli, AWS_ENDPOINT_URL: url },
          // For IAM, which has no regions.
          AWS_DEFAULT_REGION: 'us-east-1',
        },
      });
      return stdout.trim() === '' ? undefined : (JSON.parse(stdout) as unknown);
    },
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGKILL');
      if (server.exitCode === null && server.signalCode === null) await once(server, 'close');
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
