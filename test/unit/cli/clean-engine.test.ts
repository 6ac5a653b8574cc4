import { expect, test } from 'vitest';
import { run } from '../../../src/cli/run.js';
import { openDockerEngine } from '../../../src/engine/docker-engine.js';
import { sweepContainers } from '../../../src/engine/owned-containers.js';
import { fakeIo } from '../../support/fake-io.js';
import { answer, END, ScriptedEngine, type Step } from '../../support/scripted-engine.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const REFUSED: readonly Step[] = [answer(500, '{"message":"device or resource busy"}'), END];
const DONE: readonly Step[] = [answer(204, ''), END];

/** An engine with containers and images `one`, `busy` and `three`, of which it cannot remove the second. */
async function engineWithBusyOnes(): Promise<ScriptedEngine> {
  const engine = await ScriptedEngine.start();
  const names = ['one', 'busy', 'three'];
  const containers = names.map((Id) => ({
    Id,
    Labels: { 'io.layersmith.process': 'elsewhere' },
    Created: 1,
  }));
  const images = names.map((Id) => ({ Id, RepoDigests: [], RepoTags: [], Labels: {}, Size: 1, Created: 1 }));
  engine.on('GET /containers/json', answer(200, JSON.stringify(containers)), END);
  engine.on('GET /images/json', answer(200, JSON.stringify(images)), END);
  for (const name of names) {
    const steps = name === 'busy' ? REFUSED : DONE;
    engine.on(`DELETE /containers/${name}`, ...steps).on(`DELETE /images/${name}`, ...steps);
  }
  return engine;
}

test('a container that cannot be removed does not stop the sweep, and is not among the removed', async () => {
  await using scripted = await engineWithBusyOnes();
  const engine = await openDockerEngine(scripted.address);
  const { signal } = new AbortController();
  expect(await sweepContainers(engine, { kept: false, signal })).toEqual(['one', 'three']);
});

test('clean removes the other containers and images, and warns of those that stay', async () => {
  await using scripted = await engineWithBusyOnes();
  await using folder = await temporaryFolder();
  const io = fakeIo(folder.path, { env: { DOCKER_HOST: `unix://${scripted.socketPath}` } });
  expect(await run(['clean', '--containers', '--images', '--json'], io)).toBe(0);
  expect(JSON.parse(io.stdout())).toMatchObject({ containers: ['one', 'three'], images: ['one', 'three'] });
  const warnings = io.stderr().trimEnd().split('\n');
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toMatch(/^warning: .*container busy.*device or resource busy/);
  expect(warnings[1]).toMatch(/^warning: .*image busy.*device or resource busy/);
});

test('an image with names in several repositories is removed by each of them', async () => {
  await using scripted = await ScriptedEngine.start();
  await using folder = await temporaryFolder();
  const image = {
    ...{ Id: 'sha256:one', Labels: {}, Size: 1, Created: 1 },
    RepoTags: ['layersmith/tools:1'],
    RepoDigests: ['127.0.0.1:5000/tools@sha256:aa'],
  };
  scripted.on('GET /images/json', answer(200, JSON.stringify([image])), END);
  for (const name of [...image.RepoTags, ...image.RepoDigests])
    scripted.on(`DELETE /images/${name}`, ...DONE);
  const io = fakeIo(folder.path, { env: { DOCKER_HOST: `unix://${scripted.socketPath}` } });
  expect(await run(['clean', '--images', '--json'], io)).toBe(0);
  expect(JSON.parse(io.stdout())).toMatchObject({ images: ['sha256:one'] });
  expect(scripted.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(2);
});

test('an image that another clean removed meanwhile is not worth a warning', async () => {
  await using scripted = await engineWithBusyOnes();
  await using folder = await temporaryFolder();
  scripted.on('DELETE /images/busy', answer(404, '{"message":"No such image: busy"}'), END);
  const io = fakeIo(folder.path, { env: { DOCKER_HOST: `unix://${scripted.socketPath}` } });
  expect(await run(['clean', '--images'], io)).toBe(0);
  expect(io.stdout()).toContain('removed 0 container(s), 2 image(s)');
  expect(io.stderr()).toBe('');
});
