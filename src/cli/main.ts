#!/usr/bin/env node
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { InterruptedError } from '../core/errors.js';
import { run } from './run.js';

// AWS's SDK tells every user which Node.js its next versions will want; that is for who chooses the version.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    const error = new InterruptedError(name);
    // A second signal does not wait: the next run sweeps up what this one leaves.
    if (interrupted.signal.aborted) process.exit(error.exitCode);
    process.stderr.write(`\n${error.message}: removing containers (again to stop at once)\n`);
    interrupted.abort(error);
  });
}

// Who reads the result may have seen enough: `layersmith recipes | head`. That is no failure, but all there was to do.
const result = { unread: false };
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  result.unread = true;
  interrupted.abort(new InterruptedError('SIGTERM'));
});
// Nobody reads the progress any more: the work goes on without.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const exitCode = await run(process.argv.slice(2), {
  env: process.env,
  // An empty HOME is none.
  homeDir: process.env['HOME'] || homedir(),
  cwd: process.cwd(),
  tmpDir: tmpdir(),
  isRoot: process.getuid?.() === 0,
  os: process.platform,
  out: (text) => process.stdout.write(text),
  outBytes: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(error);
      });
    }),
  outIsTerminal: process.stdout.isTTY,
  stdin: () => process.stdin,
  err: (text) => {
    if (!result.unread) process.stderr.write(text);
  },
  terminal:
    process.stderr.isTTY && process.env['CI'] === undefined && process.env['TERM'] !== 'dumb'
      ? process.stderr
      : undefined,
  now: Date.now,
  packageRoot: join(import.meta.dirname, '..', '..'),
  signal: interrupted.signal,
});
process.exitCode = result.unread ? 0 : exitCode;
