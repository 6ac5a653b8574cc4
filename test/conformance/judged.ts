import { randomUUID } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openInvocationEndpoint } from '../../src/lambda/invocation-endpoint.js';
import type { BuildContext } from '../../src/pipeline/build/build-context.js';
import { buildPlan } from '../../src/pipeline/build/build-stages.js';
import type { Architecture } from '../../src/platform/platform.js';
import { planFor } from '../../src/recipe/plan.js';
import { openRecipeLibrary } from '../../src/recipe/recipe-library.js';
import { artifactFile } from '../../src/tree/artifact-file.js';
import { builtLayer } from '../support/built-layer.js';
import { PACKAGE_ROOT } from '../support/fake-io.js';
import { openTestFunction, testContext } from '../support/local-function.js';
import { openRieFunction } from '../support/rie-function.js';
import { runtimeInterfaceEmulator } from '../support/rie.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import type { Bootstrap, Case, Event } from './case.js';

/** What one emulator did in a case: its answers over HTTP, and all that was logged. */
export interface Observed {
  readonly answers: readonly (HttpAnswer | undefined)[];
  readonly log: readonly string[];
}

/** An answer at `POST /2015-03-31/functions/function/invocations`. */
export interface HttpAnswer {
  readonly status: number;
  /** By their names in small letters. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Everything that the cases need; leaving its scope removes the layers. */
export interface Court extends AsyncDisposable {
  onOurs(given: Case): Promise<Observed>;
  onRie(given: Case): Promise<Observed>;
}

/** RIE may hang where a bootstrap does; Lambda would not. Cases have times far below. */
const LIMIT_MS = 8_000;
/** How much later than its answer a line of the log may come. */
const LATE_MS = 2_000;
const MEMORY_MB = 512;

/** Gets AWS's emulator, builds the client that misbehaves, and the layers of the product. */
export async function openCourt(bootstraps: readonly Bootstrap[]): Promise<Court> {
  const owned: AsyncDisposable[] = [];
  const remove = async (): Promise<void> => {
    for (const one of owned.splice(0).reverse()) await one[Symbol.asyncDispose]();
  };
  try {
    const rie = await runtimeInterfaceEmulator();
    const context = await testContext();
    const tools = await judgeTools(context);
    const folder = await temporaryFolder();
    owned.push(folder);
    const layers = new Map<Bootstrap, string>();
    for (const bootstrap of bootstraps) {
      if (bootstrap === 'c') {
        const path = join(folder.path, 'c');
        await mkdir(path);
        await writeFile(join(path, 'bootstrap'), tools.misbehave);
        await chmod(join(path, 'bootstrap'), 0o755);
        layers.set(bootstrap, path);
      } else {
        const layer = await builtLayer(recipeOf(bootstrap), archOf(bootstrap));
        owned.push(layer);
        layers.set(bootstrap, layer.zip);
      }
    }
    const layerOf = (bootstrap: Bootstrap): string => {
      const layer = layers.get(bootstrap);
      if (layer === undefined) throw new Error(`no layer was made for ${bootstrap}`);
      return layer;
    };
    return {
      onOurs: (given) => onOurs(given, layerOf(given.bootstrap)),
      // AWS's emulator runs on this machine: a function for another one is compared with the same function for this one.
      onRie: (given) =>
        onRie(given, {
          context,
          layer: layerOf(recipeOf(given.bootstrap)),
          programs: { rie, host: tools.host },
        }),
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

function recipeOf(bootstrap: Bootstrap): Exclude<Bootstrap, 'lua/5.4 on arm64'> {
  return bootstrap === 'lua/5.4 on arm64' ? 'lua/5.4' : bootstrap;
}

function archOf(bootstrap: Bootstrap): Architecture {
  return bootstrap === 'lua/5.4 on arm64' ? 'arm64' : 'x86_64';
}

async function judgeTools(context: BuildContext): Promise<{ misbehave: Buffer; host: Buffer }> {
  const library = await openRecipeLibrary([
    join(import.meta.dirname, 'recipes'),
    join(PACKAGE_ROOT, 'recipes'),
  ]);
  const plan = await planFor({ package: 'misbehave', line: undefined }, library);
  const [artifact] = (await buildPlan(plan, { ...context, library })).artifacts;
  const misbehave = artifact && (await artifactFile(artifact.path, 'bin/misbehave'));
  const host = artifact && (await artifactFile(artifact.path, 'bin/rie-host'));
  if (misbehave === undefined || host === undefined) throw new Error('the judge has no tools');
  return { misbehave, host };
}

async function onOurs(given: Case, layer: string): Promise<Observed> {
  await using fn = await openTestFunction({
    layers: [layer],
    arch: archOf(given.bootstrap),
    files: given.files,
    handler: given.handler,
    env: given.env ?? {},
    memoryMb: MEMORY_MB,
    timeoutMs: (given.timeoutSeconds ?? 3) * 1000,
  });
  const complaints: string[] = [];
  await using endpoint = await openInvocationEndpoint({
    sandbox: fn,
    port: 0,
    newRequestId: randomUUID,
    onLog: (line) => complaints.push(line),
  });
  const url = new URL('/2015-03-31/functions/function/invocations', endpoint.url);
  await fn.init();
  const answers = [];
  for (const event of given.events) answers.push(await post(url, event));
  await settled(fn.log, { given, quietMs: 400 });
  return { answers, log: [...fn.log, ...complaints] };
}

function post(url: URL, { body, headers }: Event): Promise<HttpAnswer | undefined> {
  return new Promise((resolve) => {
    const asked = request(url, { method: 'POST', headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => {
        resolve(undefined);
      });
      response.on('end', () => {
        const names = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
        resolve({
          status: response.statusCode ?? 0,
          headers: new Map(names),
          body: Buffer.concat(chunks),
        });
      });
    });
    asked.on('error', () => {
      resolve(undefined);
    });
    asked.end(body);
  });
}

async function onRie(
  given: Case,
  parts: {
    readonly context: BuildContext;
    readonly layer: string;
    readonly programs: { readonly rie: Uint8Array; readonly host: Uint8Array };
  },
): Promise<Observed> {
  await using fn = await openRieFunction(
    {
      layer: parts.layer,
      files: given.files,
      handler: given.handler,
      env: given.env ?? {},
      memoryMb: MEMORY_MB,
      timeoutSeconds: given.timeoutSeconds ?? 3,
      programs: parts.programs,
    },
    parts.context,
  );
  const answers: (HttpAnswer | undefined)[] = [];
  for (const event of given.events) {
    const bytes = await fn.send(asHttp(event), LIMIT_MS);
    answers.push(bytes === undefined ? undefined : parsed(bytes));
    if (bytes === undefined) break;
  }
  // It answers when the bootstrap has come back, or ended.
  await settled(fn.log, { given, quietMs: 100 });
  return { answers, log: [...fn.log] };
}

/** HTTP 1.0: the answer comes as it is, and ends with the connection. */
function asHttp({ body, headers }: Event): Buffer {
  const lines = [
    'POST /2015-03-31/functions/function/invocations HTTP/1.0',
    'Host: 127.0.0.1:8080',
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), Buffer.from(body)]);
}

function parsed(bytes: Buffer): HttpAnswer | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return {
    status: Number(first.split(' ')[1]),
    headers: new Map(headers),
    body: bytes.subarray(end + 4),
  };
}

/**
 * A bootstrap may say more after its answer; the client that misbehaves says when it has no more to say. The log
 * comes by another way than the answer, and may be later: each answer has its REPORT, but for those of RIE's that
 * `LATE_MS` shows to have none.
 */
async function settled(
  log: readonly string[],
  { given, quietMs }: { readonly given: Case; readonly quietMs: number },
): Promise<void> {
  const tellsItsEnd = given.bootstrap === 'c' && given.endless !== true;
  const reports = (): number => log.filter((line) => line.startsWith('REPORT ')).length;
  if (tellsItsEnd) await until(() => log.includes('| the end'), LIMIT_MS);
  await until(() => reports() >= given.events.length, LATE_MS);
  let length = -1;
  const limit = performance.now() + LIMIT_MS;
  while (length !== log.length && performance.now() < limit) {
    length = log.length;
    await sleep(quietMs);
  }
}

async function until(reached: () => boolean, limitMs: number): Promise<void> {
  const limit = performance.now() + limitMs;
  while (!reached() && performance.now() < limit) await sleep(20);
}
