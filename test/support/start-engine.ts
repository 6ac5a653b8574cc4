import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';

import { EngineNotFoundError } from '../../src/engine/find-engine.js';
import { CLI, packageRoot } from './cli.js';
import { realEngine } from './real-engine.js';

/**
 * Before the first test on a real engine: makes sure that one answers, starting it where that is possible, and
 * that the command line under test was built. Without both, no test of the project runs.
 */
export default async function startEngine(): Promise<void> {
  await access(CLI).catch(() => {
    throw new Error(`${CLI} is missing: run \`npm run build\`, or \`make test\`, which does`);
  });
  try {
    await realEngine();
  } catch (error) {
    if (!(error instanceof EngineNotFoundError) || error.configuredBy !== undefined) throw error;
    const script = join(packageRoot, 'scripts', 'start-engine.sh');
    const [status] = (await once(spawn('/bin/sh', [script], { stdio: 'inherit' }), 'exit')) as [
      number | null,
    ];
    if (status !== 0) {
      throw new Error(`these tests need a container engine, and ${script} could not start one`, {
        cause: error,
      });
    }
    await realEngine();
  }
}
