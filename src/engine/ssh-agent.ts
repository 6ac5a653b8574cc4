import { spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { Duplex } from 'node:stream';

import { EngineUnavailableError } from '../core/errors.js';
import type { EngineAddress } from './engine-address.js';

/**
 * An HTTP agent whose connections run over the user's `ssh` command, as the Docker CLI's do: it knows the
 * user's keys, aliases, jump hosts and known hosts, which an SSH library would not (docker-modem's checks no
 * host key at all).
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
    // One side may close while the other goes on: a container's stdin ends before its output does.
    allowHalfOpen: true,
    read: () => child.stdout.resume(),
    // A write that fails is answered by the end of ssh, below, which knows why.
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
