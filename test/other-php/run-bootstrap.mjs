// node run-bootstrap.mjs VERSION BOOTSTRAP CASES
// Runs the PHP code of the bootstrap under PHP as WebAssembly. Reads events, one a line, and prints JSON: what it posted, and what PHP printed.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { loadNodeRuntime } from '@php-wasm/node';
import { PHP } from '@php-wasm/universal';

const [version, bootstrap, cases] = process.argv.slice(2);
const php = new PHP(await loadNodeRuntime(version));
for (const folder of ['/opt', '/task', '/task/src']) php.mkdir(folder);
php.writeFile('/opt/bootstrap', await readFile(bootstrap));
php.writeFile('/opt/serve.php', await readFile(join(import.meta.dirname, 'serve.php')));
php.writeFile('/task/src/cases.php', await readFile(cases));
php.writeFile('/events', await text(process.stdin));
const settings = ['error_reporting=-1', 'display_errors=1', 'auto_prepend_file=/opt/serve.php'];
const ended = await php.cli(['php', ...settings.flatMap((setting) => ['-d', setting]), '/opt/bootstrap'], {
  env: { _HANDLER: 'cases' },
});
const printed = `${await ended.stdoutText}${await ended.stderrText}`;
await ended.exitCode;
const posted = php.fileExists('/posted') ? php.readFileAsText('/posted').trim().split('\n') : [];
process.stdout.write(JSON.stringify({ posted: posted.map((line) => JSON.parse(line)), printed }));
process.exit(0);
