import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { BuiltRecord } from '../../../src/layer/layer-record.js';
import { loadPlatform, platformNames, type Platform } from '../../../src/platform/platform.js';
import {
  docker,
  makeStandIns,
  publish,
  push,
  RECORD,
  removeStandIns,
  type StandIns,
} from '../../support/amazon-stand-in.js';
import { packageRoot } from '../../support/cli.js';
import { onLoopback } from '../../support/loopback.js';
import { luaSources } from '../../support/lua-sources.js';
import { realEngine } from '../../support/real-engine.js';
import { startRegistry, type Registry } from '../../support/registry.js';
import { tinyInterpreter } from '../../support/tiny-recipe.js';
import { expectError, expectTidy, Workplace } from '../../support/workplace.js';

// The first choice of a toolchain, as far as a machine goes that Amazon's registry is out of reach of: a registry
// on loopback, with stand-ins whose package manager records what it is asked for and installs nothing.

const platforms = join(packageRoot, 'platforms');
/** What Dockerfile.amazonlinux installs everywhere. */
const COMMON = ['gcc', 'gcc-c++', 'make', 'autoconf', 'bison', 'patch', 'perl', 'tcl', 'xz', 'glibc-devel'];

let registry: Registry;
let standIns: StandIns;
let workplace: Workplace;

beforeAll(async () => {
  workplace = await Workplace.make(tinyInterpreter('tiny'));
  // Makes sure that the engine has the images that the stand-ins are made of.
  expect(await workplace.build('tiny')).toMatchObject({ exitCode: 0 });
  registry = await startRegistry();
  standIns = await makeStandIns();
  for (const name of await platformNames([platforms])) await publish(await platform(name), standIns);
});

afterAll(async () => {
  await removeStandIns(registry.host);
  await registry[Symbol.asyncDispose]();
  await workplace[Symbol.asyncDispose]();
});

function platform(name: string, host = registry.host): Promise<Platform> {
  return loadPlatform(name, { folders: [platforms], architecture: 'x86_64', registry: host });
}

/** The arguments of a build that chooses its toolchain by what answers. */
function args(recipe: string, host: string, more: readonly string[] = []): string[] {
  return [
    ...['build', recipe, '--store', workplace.store, '-o', workplace.out, '--recipes', workplace.recipes],
    ...['--registry', host, ...more],
  ];
}

async function manifest(name: string): Promise<BuiltRecord> {
  return JSON.parse(await readFile(join(workplace.out, `${name}.manifest.json`), 'utf8')) as BuiltRecord;
}

/** Runs something that builds one toolchain image, and returns its result with that image's id: no digest in a record is one. */
async function withNewImage<T>(
  action: () => Promise<T>,
): Promise<{ readonly ended: T; readonly image: string }> {
  const engine = await realEngine();
  const label = { key: 'io.layersmith.image', value: 'amazonlinux-toolchain' };
  const before = (await engine.listImages(label)).map(({ id }) => id);
  const ended = await action();
  const added = (await engine.listImages(label)).filter(({ id }) => !before.includes(id));
  expect(added).toHaveLength(1);
  return { ended, image: added[0]?.id ?? '' };
}

/** What the package managers were asked for while an image was made. */
async function asked(image: string): Promise<readonly string[]> {
  const text = await docker('run', '--rm', '--network', 'none', '--entrypoint', 'cat', image, RECORD);
  return text.split('\n');
}

test('a registry that answers gives the images for a tested layer of Lua', async () => {
  const { toolchain, runtime } = await platform('provided.al2023');
  const sources = await luaSources();
  const { ended, image } = await withNewImage(() =>
    workplace.run(args('lua', registry.host, ['--sources', sources])),
  );
  expect(ended).toMatchObject({ exitCode: 0 });
  expect(ended.stderr).toContain(`pulling ${toolchain.base}\n`);
  expect(ended.stderr).toContain(`pulling ${runtime}\n`);
  expect(ended.stderr).toContain(`toolchain: ${toolchain.base} (${registry.host} answers)\n`);
  expect(ended.stderr).toMatch(/^lua\/5\.4: done in /m);
  expect(ended.stderr).toMatch(/^built and tested: 3 programs, 502 invocations$/m);
  const record = await manifest('lua-5.4.7-provided.al2023-x86_64');
  const { toolchain: recorded } = record;
  expect(record.toolchainReason).toBe(`${registry.host} answers`);
  expect(record.smokeTests.runtimeDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(recorded.kind).toBe('amazonlinux');
  expect(recorded.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(recorded.packages.map(({ name }) => name)).toContain('gcc-12');

  // Both build arguments arrived: the base by digest, the release in the command.
  const [install = '', clean] = await asked(image);
  expect(install).toMatch(new RegExp(`dnf --releasever=${toolchain.release.replaceAll('.', '\\.')} `));
  for (const name of [...COMMON, 'cmake', 'perl-IPC-Cmd', 'perl-FindBin']) {
    expect(install.split(' ')).toContain(name);
  }
  expect(clean).toBe('dnf clean all');
  const history = await docker('history', '--no-trunc', '--format', '{{.CreatedBy}}', image);
  expect(history).toContain(`RELEASE=${toolchain.release}`);
  const digests = await docker('images', '--digests', '--format', '{{.Repository}} {{.Tag}} {{.Digest}}');
  const pulled = digests.split('\n').filter((line) => line.startsWith(registry.host));
  expect(pulled.length).toBeGreaterThan(0);
  for (const line of pulled) expect(line).toMatch(/ <none> sha256:[0-9a-f]{64}$/);
  await expectTidy(workplace, ended);
});

test('a second run neither pulls nor builds, and finds the layer in the store', async () => {
  const ended = await workplace.run(args('lua', registry.host));
  expect(ended).toMatchObject({ exitCode: 0 });
  expect(ended.stderr).not.toContain('pulling');
  expect(ended.stderr).not.toContain('building');
  expect(ended.stderr).toContain('in the store, built and tested before');
});

test('--offline takes the images of the earlier run', async () => {
  const offline = await workplace.run(args('lua', registry.host, ['--offline']));
  expect(offline).toMatchObject({ exitCode: 0 });
  expect(offline.stderr).toMatch(/^toolchain: .*amazonlinux:2023\S* \(its images are in the engine\)$/m);
  expect(offline.stderr).toContain('in the store, built and tested before');
});

test.each([
  ['provided.al2', 'yum install -y', ['cmake3', 'perl-IPC-Cmd']],
  ['provided', 'yum --releasever=2018.03 install -y', ['cmake', 'gcc72']],
])('the toolchain of %s is made of its own base, by `%s`', async (name, command, packages) => {
  const { ended, image } = await withNewImage(() =>
    workplace.run(args('tiny', registry.host, ['--platform', name])),
  );
  expect(ended).toMatchObject({ exitCode: 0 });
  const { toolchain } = await manifest(`tiny-1-${name}-x86_64`);
  expect(toolchain.kind).toBe('amazonlinux');
  const [install = ''] = await asked(image);
  expect(install).toContain(command);
  for (const wanted of [...COMMON, ...packages]) expect(install.split(' ')).toContain(wanted);
  await expectTidy(workplace, ended);
});

test('an error inside the stream of the image build is an error that has the command and what it said', async () => {
  const broken = await platform('provided.al2023', `${registry.host}/broken`);
  await publish(broken, { base: standIns.brokenBase, runtime: standIns.runtime });
  const ended = await workplace.run(args('tiny', `${registry.host}/broken`));
  const error = expectError(ended, 72);
  expect(error).toContain('could not build Dockerfile.amazonlinux');
  expect(error).toContain('Error: Unable to find a match: gcc-c++');
  expect(error).toContain('a command ended with status 1\n');
  expect(error).toMatch(/^ {2}→ .*--toolchain debian/m);
  await expectTidy(workplace, ended);
});

test('a base that the registry does not have is said so, and the embedded toolchain is taken instead', async () => {
  const empty = `${registry.host}/empty`;
  const ended = await workplace.run(args('tiny', empty));
  expect(ended).toMatchObject({ exitCode: 0 });
  const { base } = (await platform('provided.al2023', empty)).toolchain;
  expect(ended.stderr).toMatch(new RegExp(`^toolchain: embedded Debian 12 \\(.*does not have ${base}`, 'm'));
  const forced = await workplace.run(args('tiny', empty, ['--toolchain', 'amazonlinux']));
  expect(expectError(forced, 72)).toContain(`does not have ${base}`);
});

test('a runtime image that the registry does not have counts as well', async () => {
  const half = await platform('provided.al2023', `${registry.host}/half`);
  await push(standIns.base, half.toolchain.base);
  const forced = await workplace.run(args('tiny', `${registry.host}/half`, ['--toolchain', 'amazonlinux']));
  expect(expectError(forced, 72)).toContain(`does not have ${half.runtime}`);
});

test('a registry that takes connections and says nothing is given up after eight seconds', async () => {
  await using silent = await onLoopback(createServer());
  const [ended, forced, doctor] = await Promise.all([
    workplace.run(args('tiny', silent.host)),
    workplace.run(args('tiny', silent.host, ['--toolchain', 'amazonlinux'])),
    workplace.run(['doctor', '--registry', silent.host, '--store', workplace.store, '--json']),
  ]);
  expect(ended).toMatchObject({ exitCode: 0 });
  expect(ended.stderr).toContain(
    `toolchain: embedded Debian 12 (${silent.host} does not answer (not within 8 s))\n`,
  );
  const error = expectError(forced, 72);
  expect(error).toContain(
    `the Amazon Linux toolchain is not available: ${silent.host} does not answer (not within 8 s)`,
  );
  expect(error).toMatch(/^ {2}→ .*--registry/m);
  expect(doctor.exitCode).toBe(0);
  expect(doctor.stdout).toContain('no answer within 8 s');
});

test.each(['provided.al2', 'provided'])(
  'where no registry answers, the embedded toolchain serves %s too',
  async (name) => {
    const ended = await workplace.run(args('tiny', '127.0.0.1:1', ['--platform', name]));
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(ended.stderr).toContain('toolchain: embedded Debian 12 (127.0.0.1:1 does not answer');
  },
);

test('a registry that is gone again leaves the images of the earlier run', async () => {
  await registry[Symbol.asyncDispose]();
  const ended = await workplace.run(args('lua', registry.host, ['--toolchain', 'amazonlinux']));
  expect(ended).toMatchObject({ exitCode: 0 });
  expect(ended.stderr).toContain('(its images are in the engine)');
  expect(ended.stderr).toContain('in the store, built and tested before');
});
