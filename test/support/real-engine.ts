import { homedir } from 'node:os';

import type { ContainerEngine } from '../../src/engine/container-engine.js';
import { findEngine } from '../../src/engine/find-engine.js';

/** The engine of this machine. A test that asks for it fails where there is none. */
export function realEngine(): Promise<ContainerEngine> {
  return findEngine({ env: process.env, homeDir: homedir() });
}
