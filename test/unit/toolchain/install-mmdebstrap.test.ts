import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { StageError } from '../../../src/core/errors.js';
import { hasMmdebstrap, installMmdebstrap } from '../../../src/toolchain/install-mmdebstrap.js';
import { failure } from '../../support/failure.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** A host whose programs are these shell scripts; $LOG is read at the end. */
async function host(programs: Readonly<Record<string, string>>) {
  const bin = await temporaryFolder();
  const log = join(bin.path, 'log');
  await bin.write({ log: '' });
  for (const [name, body] of Object.entries(programs)) {
    await bin.write({ [name]: `#!/bin/sh\nLOG=${log}\n${body}\n` });
    await chmod(join(bin.path, name), 0o755);
  }
  return {
    options: {
      env: { http_proxy: 'http://proxy.invalid:3128', PATH: `${bin.path}:/nonexistent` },
      signal: new AbortController().signal,
    },
    log: () => readFile(log, 'utf8'),
    [Symbol.asyncDispose]: () => bin[Symbol.asyncDispose](),
  };
}

test('mmdebstrap is there when it tells its version', async () => {
  await using some = await host({ mmdebstrap: '[ "$1" = --version ]' });
  expect(await hasMmdebstrap(some.options)).toBe(true);
  await using none = await host({});
  expect(await hasMmdebstrap(none.options)).toBe(false);
});

test('apt-get installs it through the proxy, also when a list of packages does not answer', async () => {
  await using machine = await host({
    'apt-get': 'echo "$1 $http_proxy $DEBIAN_FRONTEND" >>"$LOG"; [ "$1" = install ]',
  });
  await installMmdebstrap(machine.options);
  expect(await machine.log()).toBe(
    'update http://proxy.invalid:3128 noninteractive\ninstall http://proxy.invalid:3128 noninteractive\n',
  );
});

test('an installation that fails is a stage error with what apt-get said', async () => {
  await using machine = await host({ 'apt-get': 'echo E: no network >&2; exit 100' });
  const error = await failure(installMmdebstrap(machine.options), StageError);
  expect(error.details).toEqual({ 'last lines': ['E: no network'] });
});
