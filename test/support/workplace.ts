import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { afterAll, expect } from 'vitest';

import { processIdentity } from '../../src/core/process-identity.js';
import type { ContainerSummary } from '../../src/engine/container-engine.js';
import { startCli, type Ended, type RunOptions, type Running } from './cli.js';
import { realEngine } from './real-engine.js';

const run = promisify(execFile);

/** The label with the identity of the process that a container belongs to, and that with its stage's name. */
const OWNER_LABEL = 'io.layersmith.process';
const STAGE_LABEL = 'io.layersmith.stage';

const commands = new Set<Running>();

// A test that runs out of time must not leave its command to the next ones.
afterAll(async () => {
  for (const command of commands) {
    if (command.isOver()) continue;
    // The second one does not wait for containers.
    for (let count = 0; count < 2; count++) command.kill('SIGTERM');
    await command.ended;
  }
});

export type StartOptions = Partial<RunOptions>;

/** A folder with a store, an output folder, recipes and a home of its own. Leaving its scope removes it. */
export class Workplace implements AsyncDisposable {
  readonly dir: string;
  readonly recipes: string;
  readonly home: string;
  /** May be put elsewhere, on another disk for one. */
  store: string;
  out: string;
  readonly #dockerHost: string;

  private constructor(dir: string, dockerHost: string) {
    this.dir = dir;
    this.recipes = join(dir, 'recipes');
    this.home = join(dir, 'home');
    this.store = join(dir, 'store');
    this.out = join(dir, 'out');
    this.#dockerHost = dockerHost;
  }

  /** With the given recipe files, by their path in the recipe folder. */
  static async make(recipes: Readonly<Record<string, string>> = {}): Promise<Workplace> {
    const { endpoint } = await realEngine();
    const workplace = new Workplace(await mkdtemp(join(tmpdir(), 'layersmith-test-')), endpoint);
    await mkdir(workplace.home);
    await mkdir(workplace.recipes);
    await workplace.write(recipes);
    return workplace;
  }

  /** Adds recipe files, or replaces them. */
  async write(recipes: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(recipes)) {
      const file = join(this.recipes, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }

  /** Starts a command with this place's home, and the engine that the tests use. */
  start(args: readonly string[], options: StartOptions = {}): Running {
    const command = startCli(args, {
      cwd: this.dir,
      ...options,
      env: {
        HOME: this.home,
        XDG_CACHE_HOME: undefined,
        DOCKER_HOST: this.#dockerHost,
        ...options.env,
      },
    });
    commands.add(command);
    return command;
  }

  run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start(args, options).ended;
  }

  /** The arguments of a build here with the embedded toolchain; later ones win. */
  buildArgs(recipe: string, more: readonly string[] = []): string[] {
    const places = ['--store', this.store, '--output', this.out, '--recipes', this.recipes];
    return [
      'build',
      recipe,
      ...places,
      ...(more.includes('--toolchain') ? [] : ['--toolchain', 'debian']),
      ...more,
    ];
  }

  startBuild(recipe: string, more: readonly string[] = [], options: StartOptions = {}): Running {
    return this.start(this.buildArgs(recipe, more), options);
  }

  build(recipe: string, more: readonly string[] = [], options: StartOptions = {}): Promise<Ended> {
    return this.startBuild(recipe, more, options).ended;
  }

  /** The names in the output folder, in order; none where there is no such folder. */
  async output(): Promise<readonly string[]> {
    return existsSync(this.out) ? (await readdir(this.out)).sort() : [];
  }

  /** The log of the newest run that compiled the recipe. */
  async log(recipe: string): Promise<string> {
    const file = `${recipe.replaceAll('/', '-')}.log`;
    const runs = (await readdir(join(this.store, 'logs'))).sort().reverse();
    const found = runs.map((name) => join(this.store, 'logs', name, file)).find((path) => existsSync(path));
    if (found === undefined) throw new Error(`no run has a ${file}`);
    return readFile(found, 'utf8');
  }

  /** Resolves when the log of the recipe's stage has the text. */
  async logSays(recipe: string, text: string): Promise<void> {
    while (!(await this.log(recipe)).includes(text)) await sleep(50);
  }

  /** The folder of the newest entry of the store that was made of the recipe. */
  async entry(shelf: 'artifacts' | 'layers', recipe: string): Promise<string> {
    const folder = join(this.store, shelf);
    for (const key of await readdir(folder)) {
      const record = JSON.parse(await readFile(join(folder, key, 'record.json'), 'utf8')) as { name: string };
      if (record.name === recipe) return join(folder, key);
    }
    throw new Error(`the store has no ${shelf} of ${recipe}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** What a build leaves of a layer in the output folder, in order. */
export function layerFiles(name: string): readonly string[] {
  return ['.cdx.json', '.manifest.json', '.provenance.json', '.zip'].map((ending) => `${name}${ending}`);
}

/** The containers, running or not, that belong to a process. */
export async function containersOf(pid: number): Promise<readonly ContainerSummary[]> {
  const [scope = ''] = processIdentity().split('-');
  const engine = await realEngine();
  const containers = await engine.listContainers(OWNER_LABEL);
  return containers.filter(({ labels }) => labels[OWNER_LABEL]?.startsWith(`${scope}-${pid}-`));
}

/** The running container of a stage of that process, or, without a stage, of its smoke tests; waits for it. */
export async function runningContainer(command: Running, stage?: string): Promise<string> {
  for (;;) {
    // Asked first: what ends meanwhile is looked for once more.
    const isOver = command.isOver();
    const ids = (await containersOf(command.pid))
      .filter(({ labels }) => labels[STAGE_LABEL] === stage)
      .map(({ id }) => id);
    const { stdout } = await run('docker', ['ps', '--quiet', '--no-trunc']);
    const id = ids.find((candidate) => stdout.includes(candidate));
    if (id !== undefined) return id;
    if (isOver) {
      throw new Error(`it ended without a container for ${stage ?? 'smoke tests'}:\n${command.stderr()}`);
    }
    await sleep(50);
  }
}

/** For a build script: waits until the test opens the gate. */
export function waitAtGate(gate = 'gate'): string {
  return `echo at the ${gate}; until [ -e /build/${gate}/open ]; do sleep 0.1; done`;
}

/** Lets a stage that waits at a gate go on. */
export async function openGate(container: string, gate = 'gate'): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'layersmith-gate-'));
  try {
    await mkdir(join(folder, gate));
    await writeFile(join(folder, gate, 'open'), '');
    await run('docker', ['cp', join(folder, gate), `${container}:/build/`]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Checks that a command ended as an error has to: its exit code, nothing on stdout, one error on stderr, with
 * a hint and without a stack. Gives the error's lines.
 */
export function expectError(ended: Ended, exitCode: number): string {
  const start = ended.stderr.lastIndexOf('layersmith: ');
  const error = ended.stderr.slice(Math.max(start, 0));
  expect(ended).toEqual({ ...ended, exitCode, stdout: '' });
  expect(ended.stderr.match(/^layersmith: /gm)).toHaveLength(1);
  expect(ended.stderr).not.toMatch(/^ +at .+:\d+:\d+\)?$/m);
  expect(ended.stderr).not.toMatch(/Warning: |undefined|\[object/);
  return error;
}

/** Checks that a run left nothing half-written, and no container. */
export async function expectTidy(workplace: Workplace, ended: Pick<Ended, 'pid'>): Promise<void> {
  expect(await containersOf(ended.pid)).toEqual([]);
  if (existsSync(join(workplace.store, 'tmp')))
    expect(await readdir(join(workplace.store, 'tmp'))).toEqual([]);
  const files = await readdir(workplace.dir, { recursive: true });
  expect(files.filter((file) => /\.(tmp|spool)$/.test(basename(file)))).toEqual([]);
}
