import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../support/fake-io.js';
import { eventFor } from '../support/http-events.js';
import type { Case, Event } from './case.js';

const FIXTURES = join(PACKAGE_ROOT, 'test', 'fixtures', 'php', 'web');
const page = (name: string): string => readFileSync(join(FIXTURES, name), 'utf8');

const WEB = {
  handler: 'public/index.php',
  files: { 'public/index.php': page('index.php') },
  env: { LAYERSMITH_MODE: 'web' },
};
const WORKER = {
  handler: 'public/worker.php',
  files: { 'public/worker.php': page('worker.php') },
  env: { LAYERSMITH_MODE: 'worker' },
};

/** Requests for paths. */
function asks(...targets: readonly string[]): readonly Event[] {
  return targets.map((target) => ({ body: eventFor({ target }) }));
}

/** Each ends with a request that is answered. */
const CASES: readonly Omit<Case, 'bootstrap'>[] = [
  {
    ...WEB,
    name: 'serves requests',
    events: [
      ...asks('/headers', '/binary', '/encoded', '/status', '/nowhere', '/exit', '/finish', '/globals'),
      { body: eventFor({ target: '/headers' }, 'v1') },
      { body: eventFor({ target: '/headers' }, 'alb') },
      { body: eventFor({ method: 'HEAD', target: '/headers' }, 'alb-multi') },
      { body: eventFor({ method: 'POST', target: '/globals', body: Buffer.from([0, 0xff]) }) },
    ],
  },
  {
    ...WEB,
    name: 'gets events that are no requests',
    events: [{ body: '{}' }, { body: '[1]' }, { body: '{"Records":[]}' }, ...asks('/globals')],
  },
  {
    ...WEB,
    name: 'serves requests that fail',
    events: asks('/throw', '/memory', '/large', '/globals'),
  },
  {
    ...WEB,
    name: 'serves requests that end its process',
    events: asks('/crash', '/globals', '/crash', '/crash', '/globals'),
  },
  {
    ...WEB,
    name: 'serves requests that take too long',
    events: asks('/sleep', '/globals', '/stuck', '/globals'),
    timeoutSeconds: 1,
  },
  {
    ...WEB,
    name: 'serves requests in streams',
    env: { ...WEB.env, LAYERSMITH_RESPONSE: 'streamed' },
    events: asks('/parts', '/throw', '/globals'),
  },
  {
    ...WEB,
    name: 'serves requests in streams that fail',
    env: { ...WEB.env, LAYERSMITH_RESPONSE: 'streamed' },
    events: asks('/fails-late', '/globals'),
  },
  {
    ...WORKER,
    name: 'serves requests in a loop',
    events: asks('/context', '/throw', '/context', '/exit', '/context', '/crash', '/context'),
  },
  {
    ...WEB,
    name: 'has no script of its name',
    handler: 'public/none.php',
    events: asks('/'),
  },
  {
    name: 'runs commands',
    handler: 'artisan',
    files: { artisan: '<?php echo implode(",", $argv), "\\n"; exit(count($argv));' },
    env: { LAYERSMITH_MODE: 'console' },
    events: [{ body: '"migrate --force"' }, { body: '["a b"]' }, { body: '{"a":1}' }, { body: '""' }],
  },
];

/** The modes of PHP beside functions, on both lines that are tested. */
export const WEB_CASES: readonly Case[] = (['php/8.4', 'php/7.4'] as const).flatMap((bootstrap) =>
  CASES.map((given) => ({ ...given, bootstrap })),
);
