#!/usr/bin/env node
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { InterruptedError } from '../core/errors.js';
import { run } from './run.js';
import { stopOnSignal } from './stop-on-signal.js';

// The AWS SDK warns users about the Node.js version that its next releases need. Only developers can act on that.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

const interrupted = new AbortController();
const stop = stopOnSignal({
  interrupted,
  print: (text) => process.stderr.write(text),
  // The next run removes what remains.
  exit: (code) => process.exit(code),
  now: () => performance.now(),
});
process.on('SIGINT', stop).on('SIGTERM', stop);

// stdout may be closed early: `layersmith recipes | head`. Exit quietly with 0.
const result = { unread: false };
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  result.unread = true;
  interrupted.abort(new InterruptedError('SIGTERM'));
});
// stderr may be closed early too. Continue without it.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const exitCode = await run(process.argv.slice(2), {
  env: process.env,
  // An empty HOME counts as unset.
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
