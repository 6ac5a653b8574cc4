import type { Case } from './case.js';
import { EVENT, scripted, type Script } from './script.js';

const SCRIPTS: readonly Script[] = [
  {
    name: 'reports that it cannot start, and ends',
    script: `
say starting
header Lambda-Runtime-Function-Error-Type: Function.NoHandler
post init/error {"errorMessage":"no such handler","errorType":"NoHandler"}
exit 1`,
    events: [EVENT, EVENT],
    endless: true,
  },
  {
    name: 'reports twice that it cannot start',
    script: `
post init/error {"errorMessage":"one","errorType":"One"}
post init/error {"errorMessage":"two","errorType":"Two"}
exit 1`,
    endless: true,
  },
  {
    name: 'reports that it cannot start, and asks all the same',
    script: `
post init/error {"errorMessage":"one","errorType":"One"}
ask GET invocation/next
exit 1`,
    endless: true,
  },
  {
    name: 'cannot start the first time alone',
    script: `
first post init/error {"errorMessage":"not yet","errorType":"NotYet"}
first exit 1
next
post invocation/$id/response "at last"
next`,
    endless: true,
  },
  {
    name: 'reports that it cannot start, too late',
    script: `
next
post init/error {"errorMessage":"late","errorType":"Late"}
post invocation/$id/response "ok"
next`,
    endless: true,
  },
  {
    name: 'ends at once',
    script: `
say so long
exit 0`,
    endless: true,
  },
  {
    name: 'ends at once with a status',
    script: `
exit 7`,
    events: [EVENT, EVENT],
    endless: true,
  },
  {
    name: 'ends with an event in hand',
    script: `
next
say going
exit 3`,
    events: [EVENT, EVENT],
    endless: true,
  },
  {
    name: 'ends well with an event in hand',
    script: `
next
exit 0`,
    endless: true,
  },
  {
    name: 'is killed with an event in hand',
    script: `
next
signal 9`,
    endless: true,
  },
  {
    name: 'crashes with an event in hand',
    script: `
next
signal 11`,
    endless: true,
  },
  {
    name: 'ends after its answer',
    script: `
next
post invocation/$id/response "last words"
exit 4`,
    events: [EVENT, EVENT],
    endless: true,
  },
  {
    name: 'ends the first time, and works then',
    script: `
next
first exit 3
post invocation/$id/response "again"
repeat`,
    events: [EVENT, EVENT, EVENT],
    endless: true,
  },
  {
    name: 'takes too long',
    script: `
next
say working
sleep 60000`,
    timeoutSeconds: 1,
    endless: true,
  },
  {
    name: 'takes too long once',
    script: `
next
first sleep 60000
post invocation/$id/response "in time"
repeat`,
    events: [EVENT, EVENT, EVENT],
    timeoutSeconds: 1,
    endless: true,
  },
  {
    name: 'answers, and does not come back',
    script: `
next
post invocation/$id/response "and then silence"`,
    timeoutSeconds: 1,
  },
];

/** How bootstraps start, fail to, end, and take too long. */
export const LIFECYCLE_CASES: readonly Case[] = scripted(SCRIPTS);
