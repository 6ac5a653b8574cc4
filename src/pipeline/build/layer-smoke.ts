import { randomUUID } from 'node:crypto';
import { stripVTControlCharacters } from 'node:util';
import type { LayerMode } from '../../core/layer-mode.js';
import { functionEnvironment, INIT_TIMEOUT_MS, relayCommand } from '../../lambda/function-environment.js';
import { relayProgram } from '../../lambda/relay-program.js';
import { startSandbox } from '../../lambda/sandbox.js';
import { LOCAL_REGION, localFunctionArn } from '../../platform/sandbox-layout.js';
import { emulatedLimit } from '../../sandbox/foreign-image.js';
import type { RunContext } from '../../sandbox/run-context.js';
import { readZip } from '../../tree/zip-reader.js';
import type { Plan } from '../../recipe/plan.js';
import { smokeFilesOf, smokeOf } from './layer-parts.js';
import { runSmokeTests, type SmokeReport } from '../../smoke/smoke-tests.js';

const FUNCTION_NAME = 'smoke-test';
const FUNCTION_MEMORY_MB = 1024;
const FUNCTION_TIMEOUT_MS = 30_000;
/** A program that takes longer hangs. */
const PROGRAM_LIMIT_MS = 60_000;

/**
 * Runs the smoke tests of a plan on its layer's zip, in the platform's runtime image. Throws SmokeError with every failed test, and
 * LayerError if the file is not a layer zip.
 */
export async function smokeTestLayer(
  zip: string,
  {
    plan,
    mode,
    parallel,
    context,
  }: {
    readonly plan: Plan;
    /** In which mode the layer runs functions that set none. */
    readonly mode: LayerMode;
    /** How many containers run at a time. */
    readonly parallel: number;
    readonly context: RunContext;
  },
): Promise<SmokeReport> {
  const { recipe } = plan.root;
  const { reporter, signal, store } = context;
  const relay = await relayProgram(context.platform);
  const view = reporter.activity('smoke tests', await store.lastSeconds(`smoke:${recipe.name}`));
  const started = context.now();
  try {
    await using layer = await readZip(zip, { tmpDir: store.tmpDir });
    const report = await runSmokeTests({
      engine: context.engine,
      image: context.runtimeImage.id,
      layer: layer.entries,
      spec: smokeOf(plan),
      files: smokeFilesOf(plan),
      mode,
      values: Object.fromEntries([
        ['version', recipe.version],
        ...plan.stages.map((stage) => [`${stage.recipe.package}.version`, stage.recipe.version] as const),
      ]),
      relay,
      runtime: {
        command: relayCommand,
        environment: (handler) =>
          functionEnvironment({
            handler,
            functionName: FUNCTION_NAME,
            memoryMb: FUNCTION_MEMORY_MB,
            region: LOCAL_REGION,
          }),
        start: (container) =>
          startSandbox({
            container,
            memoryMb: FUNCTION_MEMORY_MB,
            signal,
            now: context.now,
            newRequestId: randomUUID,
            functionArn: localFunctionArn(FUNCTION_NAME),
            timeoutMs: emulatedLimit(FUNCTION_TIMEOUT_MS, context),
            initTimeoutMs: emulatedLimit(INIT_TIMEOUT_MS, context),
            onLog: (line) => {
              view.doing(stripVTControlCharacters(line));
            },
          }),
      },
      labels: context.labels,
      programLimitMs: emulatedLimit(PROGRAM_LIMIT_MS, context),
      parallel,
      onPassed: (name) => {
        view.doing(`passed: ${name}`);
      },
      signal,
    });
    await store.rememberSeconds(`smoke:${recipe.name}`, (context.now() - started) / 1000);
    view.finished('built');
    return report;
  } catch (error) {
    view.failed();
    throw error;
  }
}
