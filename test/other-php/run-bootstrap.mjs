// node run-bootstrap.mjs VERSION BOOTSTRAP CASES HOST:PORT
// Runs the PHP bootstrap under PHP as WebAssembly, against a Runtime API that listens on this machine.
import { readFile } from 'node:fs/promises';
import { loadNodeRuntime, withNetworking } from '@php-wasm/node';
import { PHP } from '@php-wasm/universal';

const [version, bootstrap, cases, address] = process.argv.slice(2);
const env = {
  AWS_LAMBDA_RUNTIME_API: address,
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
  _HANDLER: 'cases',
  LAMBDA_TASK_ROOT: '/task',
};
const php = new PHP(
  await loadNodeRuntime(version, { emscriptenOptions: await withNetworking({ processId: 1 }) }),
);
for (const folder of ['/opt', '/task', '/task/src']) php.mkdir(folder);
php.writeFile('/opt/bootstrap', await readFile(bootstrap));
php.writeFile('/task/src/cases.php', await readFile(cases));
const ended = await php.cli(['php', '-d', 'error_reporting=-1', '-d', 'display_errors=1', '/opt/bootstrap'], {
  env,
});
process.stdout.write(await ended.stdoutText);
process.stderr.write(await ended.stderrText);
process.exit(await ended.exitCode);
