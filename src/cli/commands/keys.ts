import { open } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { UsageError } from '../../core/errors.js';
import { errorCodeOf, writingTo } from '../../core/file-system.js';
import { newSigningKey, readSigningKey } from '../../core/signing-key.js';
import { DEFINITION_FILE } from '../../definition/project.js';
import { command, type Command } from '../command.js';
import type { Io } from '../io.js';
import { jsonOption } from '../options.js';

/** Creates `layersmith keys`: makes keys that sign what is shared. */
export function keysCommand(io: Io): Command {
  return command({
    builder: (yargs: Argv) =>
      yargs
        .positional('action', { choices: ['new'] as const, demandOption: true, describe: 'Create a key' })
        .positional('file', {
          type: 'string',
          demandOption: true,
          describe: 'File for the private key, which must not exist',
        })
        .options(jsonOption)
        .example('$0 keys new acme-ci.pem', 'Writes the private key, prints the public one'),
    handler: async (args) => {
      const path = resolve(io.cwd, args.file);
      const pem = newSigningKey();
      await writeNewFile(path, pem);
      const { id, publicKey } = readSigningKey(pem, path);
      const name = basename(path).replace(/\.[^.]*$/, '');
      io.err(
        `wrote the private key ${id} to ${path}: keep it secret, for example as LAYERSMITH_SIGNING_KEY in CI\n` +
          `add its public key to \`trustedKeys\` in ${DEFINITION_FILE}:\n`,
      );
      io.out(args.json ? `${JSON.stringify({ path, id, name, publicKey })}\n` : `${name}: ${publicKey}\n`);
    },
  });
}

/** Writes a file that only this user may read. Throws UsageError if it exists. */
async function writeNewFile(path: string, text: string): Promise<void> {
  await writingTo(dirname(path), async () => {
    try {
      await using file = await open(path, 'wx', 0o600);
      await file.writeFile(text);
    } catch (cause) {
      if (errorCodeOf(cause) === 'EEXIST') {
        throw new UsageError(`${path} exists already`, {
          hint: 'Choose another file: a key is not overwritten.',
          cause,
        });
      }
      if (errorCodeOf(cause) === 'ENOENT')
        throw new UsageError(`the folder of ${path} does not exist`, { hint: 'Create it first.', cause });
      throw cause;
    }
  });
}
