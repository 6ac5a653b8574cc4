import { text } from 'node:stream/consumers';
import { afterEach, expect, test, vi } from 'vitest';
import { PublishError } from '../../../src/core/errors.js';
import { connectAws } from '../../../src/publish/connect-aws.js';
import { failure } from '../../support/failure.js';
import { startLoopbackServer } from '../../support/loopback-server.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** IAM that has every role, and no managed policy, as moto by default. */
async function startIam(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = await startLoopbackServer((request, response) => {
    void text(request).then((body) => {
      const action = new URLSearchParams(body).get('Action') ?? '';
      const isAttach = action === 'AttachRolePolicy';
      response.writeHead(isAttach ? 404 : 200, { 'content-type': 'text/xml' });
      const results: Readonly<Record<string, string>> = {
        GetRole: '<Role><Arn>arn:aws:iam::123456789012:role/hello-role</Arn></Role>',
        ListAttachedRolePolicies: '<AttachedPolicies/>',
      };
      response.end(
        isAttach
          ? '<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>Policy does not exist.</Message></Error></ErrorResponse>'
          : `<${action}Response><${action}Result>${results[action] ?? ''}</${action}Result></${action}Response>`,
      );
    });
  });
  return server;
}

test('a missing policy for logs is named, with the setting that moto needs', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'testing');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'testing');
  await using iam = await startIam();
  const access = { profile: undefined, endpointUrl: iam.url, isStandIn: true };
  const { functions } = await connectAws('eu-west-1', { access, signal: new AbortController().signal });
  const error = await failure(functions.ensureRole('hello-role'), PublishError);
  expect(error.message).toContain('policy/service-role/AWSLambdaBasicExecutionRole');
  expect(error.hint).toContain('MOTO_IAM_LOAD_MANAGED_POLICIES=true');
  expect(error.hint).toContain('--role');
});
