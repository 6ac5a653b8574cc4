import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { gitlabPipeline } from '../../src/cli/layer-matrix.js';
import { ciFiles } from '../support/ci-docs.js';
import { packageRoot } from '../support/cli.js';
import { pipFolder } from '../support/pip-folder.js';

// The workflows of docs/ci.md, judged by the schemas that GitHub's and GitLab's editors use (SchemaStore and GitLab publish them;
// check-jsonschema has copies).

const REQUIREMENTS = `check-jsonschema==0.39.0 --hash=sha256:14ce5c94871c551268ea948ffe21e9f1464dc48fb20bf9a4c13deeaaf756cf9b
`;

let schemas: Readonly<Record<'github-workflows' | 'github-actions' | 'gitlab-ci', ValidateFunction>>;

beforeAll(async () => {
  const folder = await pipFolder('check-jsonschema-0.39.0', {
    requirements: REQUIREMENTS,
    options: ['--no-deps', '--require-hashes'],
  });
  const compiled = async (name: string): Promise<ValidateFunction> => {
    const path = join(folder, 'check_jsonschema/builtin_schemas/vendor', `${name}.json`);
    const ajv = new Ajv({ strict: false, allErrors: true });
    addFormats.default(ajv);
    return ajv.compile(JSON.parse(await readFile(path, 'utf8')) as object);
  };
  schemas = {
    'github-workflows': await compiled('github-workflows'),
    'github-actions': await compiled('github-actions'),
    'gitlab-ci': await compiled('gitlab-ci'),
  };
});

/** What a schema says against a document. */
function faults(schema: keyof typeof schemas, content: unknown): readonly string[] {
  const validate = schemas[schema];
  return validate(content)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message ?? ''}`);
}

test('the workflows for GitHub and the pipelines for GitLab are valid', async () => {
  const files = await ciFiles();
  expect(files.length).toBeGreaterThan(4);
  for (const { name, content } of files)
    expect(faults(name.startsWith('.gitlab') ? 'gitlab-ci' : 'github-workflows', content), name).toEqual([]);
});

test('action.yml is valid', async () => {
  const content: unknown = parse(await readFile(join(packageRoot, 'action.yml'), 'utf8'));
  expect(faults('github-actions', content)).toEqual([]);
});

test('the child pipelines of `matrix` are valid', () => {
  const job = { layer: 'shop', platform: 'provided.al2023', arch: 'arm64', runner: 'r' } as const;
  for (const count of [0, 1, 3, 201]) {
    const jobs = Array.from({ length: count }, () => job);
    expect(faults('gitlab-ci', gitlabPipeline(jobs, { include: '.gitlab/layersmith.yml' }))).toEqual([]);
  }
});

test('the schemas refuse what is not valid', async () => {
  const [workflow] = await ciFiles();
  expect(faults('github-workflows', { ...(workflow?.content as object), jobs: { a: {} } })).not.toEqual([]);
  expect(faults('github-actions', { name: 'a' })).not.toEqual([]);
  expect(faults('gitlab-ci', { a: { script: 7 } })).not.toEqual([]);
});
