import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineError } from '../../../src/core/errors.js';
import { openDockerEngine, type DockerEngine } from '../../../src/engine/docker-engine.js';
import type { RegistryAuth } from '../../../src/engine/registry-credentials.js';
import { failure } from '../../support/failure.js';
import { answer, chunked, END, ScriptedEngine } from '../../support/scripted-engine.js';

const signal = AbortSignal.timeout(30_000);
const DIGEST = `sha256:${'d'.repeat(64)}`;
const REFERENCE = '127.0.0.1:5000/acme/tools:v1';

let scripted: ScriptedEngine;
let engine: DockerEngine;
const asked: string[] = [];

beforeEach(async () => {
  asked.length = 0;
  scripted = await ScriptedEngine.start();
  engine = await openDockerEngine(scripted.address, (name) => {
    asked.push(name);
    return Promise.resolve('AUTH' as RegistryAuth);
  });
  scripted.on('POST /images/sha256:abc/tag', answer(201, ''), END);
  scripted.on(`DELETE /images/${REFERENCE}`, answer(200, '[]'), END);
});

afterEach(() => scripted[Symbol.asyncDispose]());

const route = 'POST /images/127.0.0.1:5000/acme/tools/push';
const seen = (): readonly string[] => scripted.requests.map(({ method, path }) => `${method} ${path}`);

test('a push tags the image, pushes it with credentials, returns the digest and removes the tag', async () => {
  scripted.on(
    route,
    ...chunked(
      '{"status":"The push refers to repository [127.0.0.1:5000/acme/tools]"}\n',
      '{"status":"Pushed","id":"l1"}\n',
      `{"progressDetail":{},"aux":{"Tag":"v1","Digest":"${DIGEST}","Size":528}}\n`,
    ),
  );
  const lines: string[] = [];
  const digest = await engine.push('sha256:abc', REFERENCE, { signal, onLine: (line) => lines.push(line) });
  expect(digest).toBe(DIGEST);
  expect(lines).toContain('l1: Pushed');
  expect(seen()).toEqual(['POST /images/sha256:abc/tag', route, `DELETE /images/${REFERENCE}`]);
  const [tag, push] = scripted.requests;
  expect(Object.fromEntries(tag?.query ?? [])).toEqual({ repo: '127.0.0.1:5000/acme/tools', tag: 'v1' });
  expect(push?.query.get('tag')).toBe('v1');
  expect(push?.headers['x-registry-auth']).toBe('AUTH');
  expect(asked).toEqual(['127.0.0.1:5000/acme/tools']);
});

test('a refusal inside the stream is an error, and the tag is removed', async () => {
  scripted.on(route, ...chunked('{"errorDetail":{"message":"denied"},"error":"denied"}\n'));
  const error = await failure(engine.push('sha256:abc', REFERENCE, { signal }), EngineError);
  expect(error.message).toBe(`cannot push ${REFERENCE}: denied`);
  expect(seen()).toContain(`DELETE /images/${REFERENCE}`);
});

test('a push that ends without a digest is an error', async () => {
  scripted.on(route, ...chunked('{"status":"Pushed","id":"l1"}\n'));
  const error = await failure(engine.push('sha256:abc', REFERENCE, { signal }), EngineError);
  expect(error.message).toContain('without naming the digest');
});

test('pulls and questions to a registry have the credentials of its images', async () => {
  scripted.on('POST /images/create', answer(500, '{"message":"no"}'), END);
  scripted.on('GET /distribution/ghcr.io/a:1/json', answer(401, '{"message":"no"}'), END);
  await failure(engine.pull('ghcr.io/a:1', { signal }), EngineError);
  await failure(engine.resolveRemoteDigest('ghcr.io/a:1', signal), EngineError);
  expect(scripted.requests.map(({ headers }) => headers['x-registry-auth'])).toEqual(['AUTH', 'AUTH']);
});
