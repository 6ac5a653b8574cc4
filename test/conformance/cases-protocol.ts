import type { Case } from './case.js';
import { EVENT, scripted, type Script } from './script.js';

const SCRIPTS: readonly Script[] = [
  {
    name: 'answers an event',
    script: `
next
post invocation/$id/response {"ok":true}
next`,
    endless: true,
  },
  {
    name: 'answers events one after the other',
    script: `
next
post invocation/$id/response "answer"
repeat`,
    events: [EVENT, { body: '"two"' }, { body: '[3]' }],
    endless: true,
  },
  {
    name: 'gets what the invoker sends along',
    script: `
next
post invocation/$id/response "ok"
next`,
    events: [
      {
        body: '{}',
        headers: {
          'X-Amz-Client-Context': Buffer.from('{"custom":{"k":"v"}}').toString('base64'),
          'X-Amzn-Trace-Id': 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1',
          'X-Amz-Tenant-Id': 'tenant-1',
        },
      },
    ],
    endless: true,
  },
  {
    name: 'gets an event that is not JSON',
    script: `
next
post invocation/$id/response "ok"
next`,
    events: [{ body: Buffer.from('\u0000\u0001not { json \r\n\r\nHTTP/1.1 200 OK\r\n\r\n') }],
    endless: true,
  },
  {
    name: 'gets an empty event',
    script: `
next
post invocation/$id/response "ok"
next`,
    events: [{ body: '' }],
    endless: true,
  },
  {
    name: 'answers with an error',
    script: `
next
header Content-Type: application/json
header Lambda-Runtime-Function-Error-Type: Function.MyError
post invocation/$id/error {"errorMessage":"m","errorType":"MyError","stackTrace":["a","b"]}
next`,
    endless: true,
  },
  {
    name: 'answers with an error that is not JSON',
    script: `
next
header Lambda-Runtime-Function-Error-Type: nonsense
post invocation/$id/error not JSON
next`,
    endless: true,
  },
  {
    name: 'answers with an error and its cause',
    script: `
next
header Content-Type: application/vnd.aws.lambda.error.cause+json
post invocation/$id/error {"errorMessage":"m","errorType":"T","stackTrace":[],"errorCause":{"exceptions":[]}}
next`,
    endless: true,
  },
  {
    name: 'answers with an error and a broken cause',
    script: `
next
header Content-Type: application/vnd.aws.lambda.error.cause+json
post invocation/$id/error nothing of that
next`,
    endless: true,
  },
  {
    name: 'answers with nothing',
    script: `
next
post invocation/$id/response
next`,
    endless: true,
  },
  {
    name: 'answers in chunks',
    script: `
next
chunked
fill 100000
post invocation/$id/response
next`,
    endless: true,
  },
  {
    name: 'answers as much as there may be',
    script: `
next
fill 6291556
post invocation/$id/response
next`,
    endless: true,
  },
  {
    name: 'answers one byte too much',
    script: `
next
fill 6291557
post invocation/$id/response
post invocation/$id/error {"errorMessage":"m","errorType":"T"}
next`,
    endless: true,
  },
  {
    name: 'answers one byte too much in chunks',
    script: `
next
chunked
fill 6291557
post invocation/$id/response
next`,
    endless: true,
  },
  {
    name: 'fails with more than there may be',
    script: `
next
fill 7000000
post invocation/$id/error
next`,
    timeoutSeconds: 1,
    endless: true,
  },
  {
    name: 'answers twice',
    script: `
next
post invocation/$id/response "first"
post invocation/$id/response "second"
post invocation/$id/error {"errorMessage":"m","errorType":"T"}
next`,
    events: [EVENT, { body: '"next"' }],
    timeoutSeconds: 1,
  },
  {
    name: 'answers the last event while it waits for the next',
    script: `
next
post invocation/$id/response "first"
send GET invocation/next
sleep 300
post invocation/$id/response "late"
post invocation/$id/error {"errorMessage":"late","errorType":"T"}`,
    timeoutSeconds: 2,
  },
  {
    name: 'answers another id',
    script: `
next
post invocation/00000000-0000-4000-8000-000000000000/response "wrong"
post invocation/00000000-0000-4000-8000-000000000000/error {"errorMessage":"m","errorType":"T"}
post invocation/$id/response "right"
next`,
    endless: true,
  },
  {
    name: 'answers before it asks',
    script: `
post invocation/00000000-0000-4000-8000-000000000000/response "early"
post invocation/00000000-0000-4000-8000-000000000000/error {"errorMessage":"m","errorType":"T"}
next
post invocation/$id/response "right"
next`,
    endless: true,
  },
  {
    name: 'asks again for the event that it has',
    script: `
next
next
post invocation/$id/response "once"
next`,
    endless: true,
  },
  {
    name: 'streams its answer',
    script: `
next
header Lambda-Runtime-Function-Response-Mode: streaming
header Content-Type: text/event-stream
chunked
post invocation/$id/response a stream of words
next`,
    endless: true,
  },
  {
    name: 'streams with an error in its trailers',
    script: `
next
header Lambda-Runtime-Function-Response-Mode: streaming
header Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body
chunked
trailer Lambda-Runtime-Function-Error-Type: Function.Broken
trailer Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJtIiwiZXJyb3JUeXBlIjoiVCJ9
post invocation/$id/response half of it
next`,
    endless: true,
  },
  {
    name: 'streams more than an answer may have',
    script: `
next
header Lambda-Runtime-Function-Response-Mode: streaming
chunked
fill 7000000
post invocation/$id/response
next`,
    endless: true,
  },
  {
    name: 'streams and is cut off',
    script: `
next
header Lambda-Runtime-Function-Response-Mode: streaming
chunked
cut 5
post invocation/$id/response half of it
next`,
    events: [EVENT, EVENT],
    timeoutSeconds: 1,
    endless: true,
  },
  {
    name: 'names a mode that there is not',
    script: `
next
header Lambda-Runtime-Function-Response-Mode: Streaming
post invocation/$id/response "ok"
post invocation/$id/response "ok"
next`,
    timeoutSeconds: 1,
  },
  {
    name: 'stops in the middle of its answer',
    script: `
next
cut 4
post invocation/$id/response "whole"
next`,
    timeoutSeconds: 1,
    endless: true,
  },
  {
    name: 'stops in the middle of a chunked answer',
    script: `
next
chunked
cut 4
post invocation/$id/response "whole"
next`,
    timeoutSeconds: 1,
    endless: true,
  },
  {
    name: 'stops in the middle of its error',
    script: `
next
cut 4
post invocation/$id/error {"errorMessage":"m","errorType":"T"}
next`,
    timeoutSeconds: 1,
    endless: true,
  },
  {
    name: 'asks for what there is not',
    script: `
ask GET nothing
ask GET /
ask GET /2018-06-01/ping
ask POST /2018-06-01/ping
ask POST invocation/next
ask PUT invocation/next
ask DELETE init/error
ask GET init/error
ask GET /2020-01-01/extension/event/next
ask PUT /2020-08-15/logs {}
ask PUT /2022-07-01/telemetry {}
ask GET invocation/$id/response
ask GET invocation//response
next
ask GET invocation/$id/response
ask GET invocation/$id/error
ask POST invocation/$id/nothing
post invocation/$id/response?x=y "query"
next`,
    endless: true,
  },
  {
    name: 'sends what is not HTTP',
    script: `
raw \\0\\0\\0\\0\\r\\n\\r\\n
raw HELLO\\r\\n\\r\\n
raw GET /2018-06-01/ping HTTP/9.9\\r\\n\\r\\n
raw GET /2018-06-01/ping HTTP/1.1\\r\\n\\r\\n
raw GET /2018-06-01/ping HTTP/1.1\\r\\nHost: a\\r\\nbroken header\\r\\n\\r\\n
raw POST /2018-06-01/runtime/init/error HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: x\\r\\n\\r\\n
raw GET /2018-06-01/ping HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n
raw GET /2018-06-01/ping HTTP/1.0\\r\\n\\r\\n
next
post invocation/$id/response "ok"
next`,
    endless: true,
  },
  {
    name: 'hangs up while it waits',
    script: `
send GET invocation/next
sleep 200
hang-up
sleep 200
next
post invocation/$id/response "ok"
next`,
    endless: true,
  },
];

/** What a bootstrap can ask the Runtime API and answer to it, right and wrong. */
export const PROTOCOL_CASES: readonly Case[] = scripted(SCRIPTS);
