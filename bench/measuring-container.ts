import { createInterface } from 'node:readline';
import { z } from 'zod';
import { packTree } from '../src/tree/pack-tree.js';
import { byPath, fileEntry, type TreeEntry } from '../src/tree/tree-entry.js';
import type { Attachment } from '../src/engine/container-engine.js';
import { functionEnvironment } from '../src/lambda/function-environment.js';
import { TASK_ROOT } from '../src/platform/sandbox-layout.js';
import type { BuildContext } from '../src/pipeline/build/build-context.js';
import { buildPlan } from '../src/pipeline/build/build-stages.js';
import { planFor } from '../src/recipe/plan.js';
import { artifactFile } from '../src/tree/artifact-file.js';

/** The folder of tools in the container. */
export const TOOLS = '/var/measure';

/** The path of the loopback-api tool in the container. */
export const LOOPBACK_API = `${TOOLS}/loopback-api`;

/** A program to measure. bench/recipes/loopback-api/loopback-api.c describes the events. */
export interface Job {
  /** Path and arguments, without tabs or line ends. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly events: 'hello' | 'varied' | 'page' | 'none';
  /** The number of events, at most a million. With 0, the job ends when the program requests the first event. */
  readonly count: number;
}

const cycleSchema = z.object({
  mean: z.number(),
  min: z.number(),
  p50: z.number(),
  p90: z.number(),
  p99: z.number(),
  max: z.number(),
});

const measurementSchema = z.object({
  failed: z.string().nullable(),
  endedUs: z.number().nullable(),
  exitCode: z.number().nullable(),
  firstNextUs: z.number().nullable(),
  firstAnswerUs: z.number().nullable(),
  answers: z.number(),
  errors: z.number(),
  initErrors: z.number(),
  refused: z.number(),
  connections: z.number(),
  cycleUs: cycleSchema.nullable(),
  rssKb: z.array(z.number()),
  peakRssKb: z.number(),
  userUs: z.number(),
  systemUs: z.number(),
  minorFaults: z.number(),
  treeCpuUs: z.tuple([z.number(), z.number()]).nullable(),
  treePssKb: z.tuple([z.number(), z.number()]).nullable(),
});

/** The result of a job, as loopback-api prints it; its C file describes each member. Times in microseconds, memory in KiB. */
export type Measurement = z.infer<typeof measurementSchema>;

const EDGE_SAMPLES = 10;

/**
 * The growth of the memory in KiB: the maximum of the last ten samples minus the maximum of the first ten. A single
 * sample would depend on when the garbage collector last ran.
 */
export function growthKb({ rssKb }: Measurement): number {
  return Math.max(...rssKb.slice(-EDGE_SAMPLES)) - Math.max(...rssKb.slice(0, EDGE_SAMPLES));
}

/** A container of the runtime image in which one program at a time is measured. Leaving its scope removes it. */
export interface MeasuringContainer extends AsyncDisposable {
  /** Measures a program. Throws an Error with the end of its log if the program fails. Wait for each call before the next. */
  measure(job: Job): Promise<Measurement>;
}

const TMP_BYTES = 512 * 1024 ** 2;
const LOG_LINES = 20;

/** The files of a container. */
export interface MeasuredFiles {
  /** The layer, below `/opt`. */
  readonly opt: readonly TreeEntry[];
  /** The function, below `/var/task`. */
  readonly task: readonly TreeEntry[];
  /** Tools, below TOOLS. */
  readonly tools?: readonly TreeEntry[];
}

/**
 * Starts a container that is set up like a Lambda sandbox: only a loopback network, a read-only root file system, a writable
 * `/tmp`, no root, the layer at `/opt` and the function's files at `/var/task`. `onLog` receives each line that a program writes.
 */
export async function openMeasuringContainer(
  files: MeasuredFiles,
  context: BuildContext,
  onLog: (line: string) => void = () => undefined,
): Promise<MeasuringContainer> {
  const { engine, signal } = context;
  const tool = await programOf('loopback-api', context);
  const container = await engine.createContainer(
    {
      image: context.toolchain.runtimeImage.id,
      command: [LOOPBACK_API],
      env: functionEnvironment({
        handler: 'hello',
        functionName: 'measured',
        memoryMb: 2048,
        region: 'us-east-1',
      }),
      workingDir: TASK_ROOT,
      user: '993:990',
      labels: context.labels,
      memoryBytes: 2 * 1024 ** 3,
      pids: 256,
      readOnlyRoot: true,
      tmpfs: { '/tmp': TMP_BYTES },
      volumes: ['/opt', TASK_ROOT, TOOLS],
    },
    signal,
  );
  try {
    const put = (path: string, tree: readonly TreeEntry[]): Promise<void> =>
      container.putArchive(path, packTree(tree, { owner: 0 }), signal);
    await put('/opt', files.opt);
    await put(TASK_ROOT, files.task);
    const api = fileEntry('loopback-api', tool, 0o755);
    await put(TOOLS, [...(files.tools ?? []), api].sort(byPath));
    const attachment = await container.attach(signal);
    await container.start(signal);
    return {
      measure: measurer(attachment, onLog),
      [Symbol.asyncDispose]: () => container[Symbol.asyncDispose](),
    };
  } catch (error) {
    await container[Symbol.asyncDispose]();
    throw error;
  }
}

function measurer(
  { stdin, stdout, stderr }: Attachment,
  onLog: (line: string) => void,
): MeasuringContainer['measure'] {
  const log: string[] = [];
  createInterface({ input: stderr }).on('line', (line) => {
    onLog(line);
    log.push(line);
    if (log.length > LOG_LINES) log.shift();
  });
  const answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return async (job) => {
    log.length = 0;
    stdin.write(`${jobLine(job)}\n`);
    const line = await answers.next();
    if (line.done === true) throw new Error(`loopback-api ended: ${log.join('\n')}`);
    const measurement = measurementSchema.parse(JSON.parse(line.value));
    if (measurement.failed === null && measurement.refused === 0) return measurement;
    throw new Error(
      `${job.command.join(' ')}: ${measurement.failed ?? 'it made requests that were refused'}: ` +
        `${JSON.stringify(measurement)}\n${log.join('\n')}`,
    );
  };
}

function jobLine({ command, env = {}, events, count }: Job): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [String(count), events, ...variables, ...command].join('\t');
}

/** Compiles a tool of bench/recipes, or takes it from the store, and returns its program. */
export async function programOf(name: string, context: BuildContext): Promise<Buffer> {
  const plan = await planFor({ package: name, line: undefined }, context.library);
  const [artifact] = (await buildPlan(plan, context)).artifacts;
  const program = artifact && (await artifactFile(artifact.path, `bin/${name}`));
  if (program === undefined) throw new Error(`the stage ${name} installed no bin/${name}`);
  return program;
}
