import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { PACKAGE_ROOT } from '../../support/fake-io.js';
import { PIP_INSTALL_MS } from '../../support/moto.js';
import { pipFolder } from '../../support/pip-folder.js';

const statement = z.object({
  sid: z.string().optional(),
  effect: z.string().optional(),
  actions: z.union([z.array(z.string()), z.string()]),
  condition: z
    .array(z.object({ test: z.string(), variable: z.string(), values: z.array(z.string()) }))
    .default([]),
});
const schema = z.object({
  data: z.array(z.record(z.string(), z.record(z.string(), z.unknown()))),
  resource: z.array(z.record(z.string(), z.record(z.string(), z.unknown()))),
});

/** The file as python-hcl2 reads it: an independent parser of Terraform's language. */
async function parsed(): Promise<z.infer<typeof schema>> {
  const packages = await pipFolder('python-hcl2-7.3.1', { requirements: 'python-hcl2==7.3.1\n' });
  const script = 'import hcl2, json, sys; print(json.dumps(hcl2.load(open(sys.argv[1]))))';
  const file = join(PACKAGE_ROOT, 'examples/shared-store/main.tf');
  const { stdout } = await promisify(execFile)('python3', ['-c', script, file], {
    env: { ...process.env, PYTHONPATH: packages },
  });
  return schema.parse(JSON.parse(stdout));
}

test(
  'the Terraform of the shared store can be parsed, and says what docs/shared-store.md says',
  { tags: 'system', timeout: PIP_INSTALL_MS },
  async () => {
    const { data, resource } = await parsed();
    const named = (list: typeof data, type: string, name: string): unknown =>
      list.map((block) => block[type]?.[name]).find((found) => found !== undefined);
    const statements = (name: string): readonly z.infer<typeof statement>[] =>
      z.object({ statement: z.array(statement) }).parse(named(data, 'aws_iam_policy_document', name))
        .statement;

    expect(statements('bucket')).toContainEqual(
      expect.objectContaining({
        ...{ sid: 'CreateOnly', effect: 'Deny', actions: ['s3:PutObject'] },
        condition: [{ test: 'Null', variable: 's3:if-none-match', values: ['true'] }],
      }),
    );
    const allowed = statements('access').flatMap(({ actions }) => actions);
    expect(allowed).toContain('s3:ListBucket');
    expect(allowed.join()).not.toContain('Delete');
    expect(statements('trust')[0]?.condition.map(({ variable }) => variable.split(':').at(-1))).toEqual([
      'aud',
      'sub',
    ]);
    expect(named(resource, 'aws_s3_bucket_lifecycle_configuration', 'store')).toMatchObject({
      dynamic: [{ rule: { for_each: { artifacts: 90, stages: 90, layers: 90, blobs: 120 } } }],
    });
    for (const type of ['aws_s3_bucket', 'aws_s3_bucket_policy', 'aws_s3_bucket_public_access_block'])
      expect(named(resource, type, 'store')).toBeDefined();
  },
);
