// node lint.mjs FILE…
// Runs `php -l` of the oldest and the newest PHP, as WebAssembly, on each file. Prints what PHP reports; exits with 1 for an error.
import { readFile } from 'node:fs/promises';
import { loadNodeRuntime } from '@php-wasm/node';
import { PHP } from '@php-wasm/universal';

let failed = false;
for (const version of ['7.3', '8.5']) {
  for (const file of process.argv.slice(2)) {
    const php = new PHP(await loadNodeRuntime(version));
    php.writeFile('/file.php', await readFile(file));
    const options = ['-d', 'error_reporting=-1', '-d', 'display_errors=1', '-d', 'log_errors=0'];
    const ended = await php.cli(['php', ...options, '-l', '/file.php']);
    const printed = (await ended.stdoutText).trim();
    if ((await ended.exitCode) !== 0 || !printed.startsWith('No syntax errors')) {
      failed = true;
      process.stderr.write(`${file}: PHP ${version}: ${printed.replaceAll('/file.php', file)}\n`);
    }
  }
}
process.exit(failed ? 1 : 0);
