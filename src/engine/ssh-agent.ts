import { spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { Duplex } from 'node:stream';

import { EngineUnavailableError } from '../core/errors.js';
import type { EngineAddress } from './engine-address.js';

/**
 * An HTTP agent whose connections run over the user's `ssh` command, as in the Docker CLI. The command knows the user's
 * keys, aliases, jump hosts and known hosts, unlike an SSH library (docker-modem's does not check host keys at all).
 */
export class SshAgent extends Agent {
  readonly #address: EngineAddress & { kind: 'ssh' };

  constructor(address: EngineAddress & { kind: 'ssh' }) {
    super({ keepAlive: false });
    this.#address = address;
  }

  override createConnection(): Duplex {
    return openSshConnection(this.#address);
  }
}

function openSshConnection(address: EngineAddress & { kind: 'ssh' }): Duplex {
  const child = spawn(
    'ssh',
    [
      '-T',
      '-o',
      'BatchMode=yes',
      '-o',
      'ConnectTimeout=30',
      '-o',
      'ServerAliveInterval=15',
      ...address.destination,
      'docker system dial-stdio',
    ],
    { env: { ...address.env }, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2000);
  });
  const connection = new Duplex({
    // One direction may end before the other: a container's stdin ends before its output.
    allowHalfOpen: true,
    read: () => child.stdout.resume(),
    // A failed write is handled when ssh ends, below, with the reason.
    write: (chunk: Buffer, _encoding, done) =>
      child.stdin.write(chunk, (error) => {
        if (!error) done();
      }),
    final: (done) => child.stdin.end(done),
    destroy: (error, done) => {
      child.kill();
      done(error);
    },
  });
  child.stdout.on('data', (chunk: Buffer) => {
    if (!connection.push(chunk)) child.stdout.pause();
  });
  child.stdin.on('error', () => undefined);
  child.on('error', (cause) => {
    connection.destroy(
      new EngineUnavailableError(`cannot run ssh for ${address.endpoint}: ${cause.message}`, {
        hint: 'Install an ssh client.',
        cause,
      }),
    );
  });
  child.on('close', (exitCode) => {
    if (exitCode === 0 || connection.destroyed) {
      connection.push(null);
      return;
    }
    connection.destroy(
      new EngineUnavailableError(
        `ssh to ${address.endpoint} failed: ${complaint.trim() || `exit code ${exitCode ?? 'unknown'}`}`,
        { hint: `Try: ssh ${address.destination.join(' ')} docker version` },
      ),
    );
  });
  return connection;
}
