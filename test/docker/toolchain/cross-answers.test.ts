import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { buildPlan } from '../../../src/pipeline/build/build-stages.js';
import { loadPlatform } from '../../../src/platform/platform.js';
import { planFor } from '../../../src/recipe/plan.js';
import { openRecipeLibrary, type RecipeLibrary } from '../../../src/recipe/recipe-library.js';
import { openStore, type Store } from '../../../src/store/store.js';
import type { ToolchainImage } from '../../../src/toolchain/toolchain.js';
import { artifactFile } from '../../../src/tree/artifact-file.js';
import { packageRoot } from '../../support/cli.js';
import { testContext } from '../../support/local-function.js';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.js';

// What recipes/php/cross.site says instead of PHP's configure, which cannot run a program of another machine, compared with
// what configure finds where it can: the same stage in an image that says it is an arm64 machine, and runs arm64's programs.

/** The lines of PHP, and a platform for each: cross.site has answers that depend on both. */
const LINES = { '8.4': 'provided.al2023', '8.2': 'provided.al2023', '7.4': 'provided.al2' } as const;

/** The rest of the recipe's build.sh: without what needs a library, as all of these answers do. */
const CONFIGURE = `
kept=(--config-cache --disable-all)
for option in "\${options[@]}"; do
  case $option in
    *openssl | *curl | *zlib | *sodium | *sqlite* | *mysql* | *zip) ;;
    *) kept+=("$option") ;;
  esac
done
./configure "\${kept[@]}" --disable-mbregex --enable-session --enable-posix --with-iconv --enable-shmop --enable-sysvshm
mkdir -p "$DESTDIR/opt"
cp config.cache main/php_config.h "$DESTDIR/opt/"
# What opcache.so is linked with, as one more answer.
sed -n 's/^OPCACHE_SHARED_LIBADD *= */#define OPCACHE_SHARED_LIBADD /p' Makefile >>"$DESTDIR/opt/php_config.h"
licence LICENSE
`;

/** What differs, and changes nothing that is compiled. */
const HARMLESS: readonly RegExp[] = [
  // Where configure has found none, PHP takes the same values.
  /\bZEND_MM_ALIGNMENT(_LOG2)?\b/,
  // Used only where there is no NAN, which glibc has.
  /\bHAVE_HUGE_VAL_NAN\b/,
];

/** The parts of a line's file that this needs. */
interface LineFile {
  readonly version?: string;
  readonly sources?: unknown;
  readonly releases?: readonly Omit<LineFile, 'releases'>[];
}

const run = promisify(execFile);
let folder: TemporaryFolder;
let library: RecipeLibrary;
let store: Store;
let arm64Machine: ToolchainImage;

beforeAll(async () => {
  folder = await temporaryFolder();
  const recipe = join(packageRoot, 'recipes/php');
  const copied = join(folder.path, 'recipes/php');
  await mkdir(copied, { recursive: true });
  const [start = '', rest] = (await readFile(join(recipe, 'build.sh'), 'utf8')).split('\n./configure ');
  expect(rest).toBeDefined();
  await writeFile(join(copied, 'build.sh'), `${start}\n${CONFIGURE}`);
  await writeFile(
    join(copied, 'package.yaml'),
    "kind: library\nsummary: For tests\nhomepage: https://example.org\nlicense: MIT\ndefault: '8.4'\n",
  );
  for (const line of Object.keys(LINES)) {
    const file = parse(await readFile(join(recipe, `${line}.yaml`), 'utf8')) as LineFile;
    // The oldest release that is listed: its sources are on most mirrors.
    const { version, sources } = file.releases?.at(-1) ?? file;
    await writeFile(join(copied, `${line}.yaml`), stringify({ version, sources }));
  }
  library = await openRecipeLibrary([join(folder.path, 'recipes'), join(packageRoot, 'recipes')]);
  await mkdir(join(folder.path, 'store'));
  store = await openStore(join(folder.path, 'store'), () => undefined);
  arm64Machine = await makeArm64Machine();
});

afterAll(async () => {
  await run('docker', ['rmi', arm64Machine.id]);
  await folder[Symbol.asyncDispose]();
});

/** Adds arm64's glibc to the image with the compilers, and a `uname` that calls it an arm64 machine. */
async function makeArm64Machine(): Promise<ToolchainImage> {
  const { buildImage, runtimeImage } = (await testContext('arm64')).toolchain;
  const uname = '#!/bin/sh\n[ "$*" != -m ] || exec echo aarch64\necho Linux\n';
  await folder.write({ uname });
  const containers: string[] = [];
  try {
    for (const image of [buildImage.id, runtimeImage.id])
      containers.push((await run('docker', ['create', '--network', 'none', image, '/bin/sh'])).stdout.trim());
    const script = `set -e
for path in aarch64-linux-gnu ld-linux-aarch64.so.1; do docker cp "$2:/usr/lib/$path" - | docker cp - "$1:/usr/lib"; done
chmod 755 uname
docker cp uname "$1:/usr/bin/uname"
# Without the label by which builds find the image that it is made of.
docker commit --change 'LABEL io.layersmith.definition=' "$1"`;
    const { stdout } = await run('sh', ['-c', script, 'sh', ...containers], { cwd: folder.path });
    const id = stdout.trim();
    return { id, digest: id };
  } finally {
    await run('docker', ['rm', '--force', ...containers]);
  }
}

/** What configure found out. */
interface Answers {
  /** The definitions of php_config.h. */
  readonly header: readonly string[];
  /** The values of config.cache, by name. */
  readonly cache: ReadonlyMap<string, string>;
}

async function configure(line: keyof typeof LINES, machine: 'x86_64' | 'arm64'): Promise<Answers> {
  const context = await testContext('arm64');
  const platforms = [join(packageRoot, 'platforms')];
  const platform = await loadPlatform(LINES[line], {
    folders: platforms,
    architecture: 'arm64',
    registry: undefined,
  });
  const toolchain =
    machine === 'arm64' ? { ...context.toolchain, buildImage: arm64Machine } : context.toolchain;
  const plan = await planFor({ package: 'php', line }, library);
  const built = await buildPlan(plan, { ...context, platform, library, store, toolchain });
  const artifact = built.artifacts[0]?.path ?? '';
  const read = async (name: string): Promise<readonly string[]> =>
    ((await artifactFile(artifact, name)) ?? Buffer.alloc(0)).toString().split('\n');
  const cached = (await read('config.cache')).flatMap((text) => {
    const [, name, value] = /^(\w+)=\$\{\w+=(.*)\}$/.exec(text) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  const definitions = (await read('php_config.h')).filter((text) => /^#define |^\/\* #undef /.test(text));
  return {
    header: definitions.filter((text) => !HARMLESS.some((harmless) => harmless.test(text))),
    cache: new Map(cached),
  };
}

/** The answers of cross.site, as `name=value`. */
async function answers(): Promise<readonly string[]> {
  const text = await readFile(join(packageRoot, 'recipes/php/cross.site'), 'utf8');
  const code = text.split('\n').filter((line) => !line.trim().startsWith('#'));
  return code.flatMap((line) => line.match(/\b\w+_cv_\w+=\S+/g) ?? []);
}

/** The answers that configure of some line has asked for. */
const asked = new Set<string>();

test.each(Object.keys(LINES) as (keyof typeof LINES)[])(
  'PHP %s is configured for arm64 on another machine as on its own',
  async (line) => {
    const [cross, own] = await Promise.all([configure(line, 'x86_64'), configure(line, 'arm64')]);
    expect(own.header.length).toBeGreaterThan(500);
    for (const answer of await answers()) {
      const [name = '', value = ''] = answer.split('=');
      const found = own.cache.get(name);
      if (found === undefined) continue;
      asked.add(answer);
      expect(`${name}=${found}`).toBe(answer);
      expect(cross.cache.get(name)).toBe(value);
    }
    expect(cross.header).toEqual(own.header);
  },
);

test('every answer of cross.site is one that a configure asks for', async () => {
  const all = await answers();
  expect(all.length).toBeGreaterThan(10);
  expect(all.filter((answer) => !asked.has(answer))).toEqual([]);
});
