import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { packageRoot } from './cli.js';

/** A file of YAML in docs/ci.md. */
export interface CiFile {
  /** Its path, or the heading that it is below. */
  readonly name: string;
  readonly text: string;
  readonly content: unknown;
}

/** Returns the YAML of docs/ci.md, in order. */
export async function ciFiles(): Promise<readonly CiFile[]> {
  const docs = await readFile(join(packageRoot, 'docs/ci.md'), 'utf8');
  return [...docs.matchAll(/^(`{3,})yaml\n([\s\S]*?\n)\1$/gm)].map((match) => {
    const [, , text = ''] = match;
    const before = docs.slice(0, match.index).trimEnd();
    const [, path] = /`([^`\n]+\.yml)`[^\n]*:$/.exec(before) ?? [];
    const heading = /^## (.+)$/gm;
    return {
      name: path ?? [...before.matchAll(heading)].at(-1)?.[1] ?? '',
      text,
      content: parse(text) as unknown,
    };
  });
}

const step = z.looseObject({ run: z.string().optional() });
const github = z.looseObject({ jobs: z.record(z.string(), z.looseObject({ steps: z.array(step) })) });
const action = z.looseObject({ runs: z.looseObject({ steps: z.array(step) }) });
const lines = z.union([z.string(), z.array(z.string())]).optional();
const gitlab = z.record(
  z.string(),
  z.looseObject({ before_script: lines, script: lines }).or(z.array(z.string())),
);

/** Returns the shell scripts of a workflow or action of GitHub, or of a pipeline of GitLab. */
export function scriptsOf(content: unknown): readonly string[] {
  const steps =
    github.safeParse(content).data?.jobs !== undefined
      ? Object.values(github.parse(content).jobs).flatMap((job) => job.steps)
      : action.safeParse(content).data?.runs.steps;
  if (steps !== undefined) return steps.flatMap(({ run }) => run ?? []);
  return Object.values(gitlab.parse(content)).flatMap((job) =>
    Array.isArray(job) ? [] : [job.before_script, job.script].map((each) => [each ?? []].flat().join('\n')),
  );
}
