import { UsageError } from '../core/errors.js';
import type { Architecture } from '../platform/platform.js';
import type { TargetedLayer } from './planned-layers.js';

/** A job of a CI matrix: a layer for one platform and architecture. */
export interface MatrixJob {
  /** What names it on the command line. */
  readonly layer: string;
  readonly platform: string;
  readonly arch: Architecture;
  /** The label or tag that selects the runner. */
  readonly runner: string;
}

/** The jobs that are needed, and those that are not. */
export interface LayerMatrix {
  readonly jobs: readonly MatrixJob[];
  /** The jobs whose layer exists already. */
  readonly built: readonly MatrixJob[];
}

/** The CI systems that a matrix can be printed for. */
export const MATRIX_FORMATS = ['github', 'gitlab'] as const;
/** A CI system that a matrix can be printed for. */
export type MatrixFormat = (typeof MATRIX_FORMATS)[number];

/** Runners that each CI system hosts, by the architecture of their machine. */
export const RUNNERS: Readonly<Record<MatrixFormat, Readonly<Record<Architecture, string>>>> = {
  // https://docs.github.com/en/actions/reference/runners/github-hosted-runners
  github: { x86_64: 'ubuntu-24.04', arm64: 'ubuntu-24.04-arm' },
  // https://docs.gitlab.com/ci/runners/hosted_runners/linux/
  gitlab: { x86_64: 'saas-linux-small-amd64', arm64: 'saas-linux-small-arm64' },
};

/** The most jobs that one matrix can have: https://docs.github.com/en/actions/reference/limits, https://docs.gitlab.com/ci/yaml/#parallelmatrix. */
const MAX_JOBS: Readonly<Record<MatrixFormat, number>> = { github: 256, gitlab: 200 };

/** Returns one job for each layer, platform and architecture, in their order. */
export async function layerMatrix(
  targets: readonly TargetedLayer[],
  {
    runners,
    isBuilt,
  }: {
    readonly runners: Readonly<Record<Architecture, string>>;
    /** Reports whether a tested layer of this target exists where its job would look for it. */
    readonly isBuilt: (target: TargetedLayer) => Promise<boolean>;
  },
): Promise<LayerMatrix> {
  const jobs: MatrixJob[] = [];
  const built: MatrixJob[] = [];
  for (const target of targets) {
    const { target: layer, platform, arch } = target;
    const job = { layer, platform, arch, runner: runners[arch] };
    ((await isBuilt(target)) ? built : jobs).push(job);
  }
  return { jobs, built };
}

/**
 * Formats the jobs as the value of `strategy.matrix` of a GitHub workflow: `{"include": […]}`. Throws UsageError for more jobs
 * than a workflow can have.
 */
export function githubMatrix(jobs: readonly MatrixJob[]): object {
  if (jobs.length > MAX_JOBS.github) {
    throw new UsageError(
      `${jobs.length} jobs are too many for a matrix of GitHub: it can have ${MAX_JOBS.github}`,
      { hint: 'Name some of the layers, or one architecture, in each of several workflows.' },
    );
  }
  return { include: jobs };
}

/**
 * Formats the jobs as a child pipeline of GitLab, whose matrices cannot be computed while a pipeline runs. Its jobs extend
 * `.layersmith` of the included file and have the variables LAYER, PLATFORM, ARCH and RUNNER. A child pipeline needs a job, so
 * without jobs it has one that does nothing.
 */
export function gitlabPipeline(
  jobs: readonly MatrixJob[],
  { include }: { readonly include: string },
): object {
  if (jobs.length === 0)
    return { 'nothing to build': { script: ["echo 'every layer is in the shared store'"] } };
  const parts = Array.from({ length: Math.ceil(jobs.length / MAX_JOBS.gitlab) }, (_, index) =>
    jobs.slice(index * MAX_JOBS.gitlab, (index + 1) * MAX_JOBS.gitlab),
  );
  return {
    include: [{ local: include }],
    ...Object.fromEntries(
      parts.map((part, index) => [
        parts.length === 1 ? 'layer' : `layer ${index + 1}`,
        {
          extends: '.layersmith',
          parallel: {
            matrix: part.map(({ layer, platform, arch, runner }) => ({
              LAYER: layer,
              PLATFORM: platform,
              ARCH: arch,
              RUNNER: runner,
            })),
          },
        },
      ]),
    ),
  };
}

/** Parses `--runner ARCH=LABEL`. Throws UsageError for any other text. */
export function runnersOf(
  texts: readonly string[],
  format: MatrixFormat,
): Readonly<Record<Architecture, string>> {
  const chosen: Record<Architecture, string> = { ...RUNNERS[format] };
  for (const text of texts) {
    const [, arch, label] = /^(x86_64|arm64)=(.+)$/.exec(text) ?? [];
    if ((arch !== 'x86_64' && arch !== 'arm64') || label === undefined) {
      throw new UsageError(`--runner: '${text}' is not ARCHITECTURE=LABEL`, {
        hint: 'For example: --runner arm64=my-arm-runner.',
      });
    }
    chosen[arch] = label;
  }
  return chosen;
}
