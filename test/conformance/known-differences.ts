import type { Field } from './outcome.js';

/** How a difference looks: values, or lines of a log, with `*` for anything. */
export interface Sighting {
  readonly field: Field;
  readonly rie?: string;
  readonly ours?: string;
}

/** One thing that AWS's Runtime Interface Emulator and ours do differently, and why ours is as it is. */
export interface KnownDifference {
  /** As docs/emulator.md has it, with the three that follow. */
  readonly what: string;
  readonly rie: string;
  readonly ours: string;
  readonly why: string;
  /** The names of the cases that may show it. */
  readonly cases: 'every' | readonly string[];
  /** Each of them must be seen at least once. */
  readonly seen: readonly Sighting[];
}

const ENDINGS: readonly string[] = [
  'ends with an event in hand',
  'ends well with an event in hand',
  'is killed with an event in hand',
  'crashes with an event in hand',
  'ends after its answer',
  'ends the first time, and works then',
  'dies of many things, and works again',
];
const FAILED_INITS: readonly string[] = [
  'reports that it cannot start, and ends',
  'reports twice that it cannot start',
  'reports that it cannot start, and asks all the same',
  'cannot start the first time alone',
  'ends at once',
  'ends at once with a status',
  'has no file of its name',
  'has an error of syntax',
  'has no function of its name',
  'calls exit while it is loaded',
  'has no script of its name',
];
const CUT_SHORT: readonly string[] = [
  'streams and is cut off',
  'stops in the middle of its answer',
  'stops in the middle of a chunked answer',
];

/** All of them. A difference that is not here fails the suite, and so does one that is no longer there. */
export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    what: 'Content type of the answer',
    rie: "guessed by Go from the answer's first bytes; the function's own is dropped",
    ours: "the one of the function's answer; JSON for an error",
    why: 'RIE drops the headers of the answer (`rie/util.go`). Lambda passes the content type on.',
    cases: 'every',
    seen: [{ field: 'content type', rie: '*', ours: '*' }],
  },
  {
    what: 'A failed function',
    rie: 'visible in the body only',
    ours: 'header `X-Amz-Function-Error: Unhandled`',
    why: 'The header is part of Lambda’s Invoke (API reference, Invoke, response headers); SDKs read it.',
    cases: 'every',
    seen: [{ field: 'function error', rie: 'none', ours: 'Unhandled' }],
  },
  {
    what: 'ARN of the function',
    rie: 'account 012345678912',
    ours: 'account 123456789012',
    why: 'Both are made up.',
    cases: 'every',
    seen: [
      {
        field: 'log of the function',
        rie: '| Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:012345678912:function:function',
        ours: '| Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:function',
      },
    ],
  },
  {
    what: 'Trace id',
    rie: 'none, even if the invoker sends one',
    ours: 'the invoker’s, or a new one that is not sampled',
    why: 'RIE has no tracer (`rapidcore/sandbox_builder.go`). Lambda always sets `Lambda-Runtime-Trace-Id`.',
    cases: 'every',
    seen: [{ field: 'log of the function', ours: '| Lambda-Runtime-Trace-Id: Root=$root;*' }],
  },
  {
    what: 'Trace id, in a function',
    rie: 'no trace id',
    ours: 'the trace id, also in `_X_AMZN_TRACE_ID`',
    why: 'As above.',
    cases: ['knows its trace'],
    seen: [
      {
        field: 'body',
        rie: '{"trace":null,"in the environment":false}',
        ours: '{"trace":"Root=$root;Sampled=1","in the environment":"Root=$root;Sampled=1"}',
      },
    ],
  },
  {
    what: 'Init duration in REPORT',
    rie: 'listed first; the time to start a process',
    ours: 'listed last; the time until the bootstrap requested its first event',
    why: 'The order is that of CloudWatch’s lines. RIE does not measure memory either: it prints the limit twice.',
    cases: 'every',
    seen: [
      {
        field: 'log of the platform',
        rie: 'REPORT RequestId: $id; Init Duration: $n ms; Duration: $n ms; Billed Duration: $n ms; Memory Size: 512 MB; Max Memory Used: $n MB',
        ours: 'REPORT RequestId: $id; Duration: $n ms; Billed Duration: $n ms; Memory Size: 512 MB; Max Memory Used: $n MB; Init Duration: $n ms',
      },
    ],
  },
  {
    what: 'Status in REPORT',
    rie: 'none',
    ours: '`Status: timeout`, or `Status: error` with the type of an error that the function did not report itself',
    why: 'As in CloudWatch (developer guide, “Understanding the Lambda execution environment lifecycle”).',
    cases: 'every',
    seen: [
      {
        field: 'log of the platform',
        rie: 'REPORT RequestId: $id; Duration: $n ms; Billed Duration: $n ms; Memory Size: 512 MB; Max Memory Used: $n MB',
        ours: 'REPORT RequestId: $id; Duration: $n ms; *; Status: error; Error Type: *',
      },
      {
        field: 'log of the platform',
        ours: 'REPORT RequestId: $id; Duration: $n ms; *; Status: timeout',
      },
    ],
  },
  {
    what: 'A bootstrap that exits, or cannot start',
    rie: 'status 502; neither END nor REPORT',
    ours: 'status 200 with the error as body, like any error of a function; END and REPORT',
    why: 'Lambda’s Invoke answers 200 with `X-Amz-Function-Error`. RIE leaves out the rest (`rie/handlers.go`, ErrInvokeDoneFailed).',
    cases: [...ENDINGS, ...FAILED_INITS],
    seen: [
      { field: 'status', rie: '502', ours: '200' },
      { field: 'log of the platform', ours: 'END RequestId: $id' },
      {
        field: 'log of the platform',
        ours: 'REPORT RequestId: $id; Duration: $n ms; Billed Duration: $n ms; Memory Size: 512 MB; Max Memory Used: $n MB',
      },
    ],
  },
  {
    what: 'The exit of a bootstrap in the log',
    rie: 'only in RIE’s own log, in other words',
    ours: 'two lines: the error’s message with the request id, and its type',
    why: 'As in CloudWatch [K].',
    cases: [...ENDINGS, ...FAILED_INITS],
    seen: [
      { field: 'log of the platform', ours: 'RequestId: $id Error: Runtime exited *' },
      { field: 'log of the platform', ours: 'Runtime.ExitError' },
    ],
  },
  {
    what: 'An init that fails',
    rie: 'one init, in the first invocation, which returns its error',
    ours: 'one init before the first invocation and a second one within it; the invocation returns the error of the second; one INIT_REPORT line for each',
    why: 'Lambda retries a failed init inside the first invocation (developer guide, same page). RIE has no init before an invocation.',
    cases: FAILED_INITS,
    seen: [
      {
        field: 'log of the platform',
        ours: 'INIT_REPORT Init Duration: $n ms; Phase: init; Status: error; Error Type: *',
      },
      {
        field: 'log of the platform',
        ours: 'INIT_REPORT Init Duration: $n ms; Phase: invoke; Status: error; Error Type: *',
      },
      // What the second init wrote.
      { field: 'log of the function', ours: 'starting' },
      { field: 'log of the function', ours: 'so long' },
      { field: 'log of the function', ours: '| 202 application/json {"status":"OK"}\\n' },
      {
        field: 'log of the function',
        ours: '| 403 application/json {"errorMessage":"State transition from InitError to * failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}\\n',
      },
      { field: 'log of the function', ours: '$time; init; ERROR; Invoke Error; *' },
      { field: 'log of the function', ours: 'bootstrap: Runtime.HandlerNotFound: *' },
    ],
  },
  {
    what: 'An init that fails once',
    rie: 'the first invocation returns the error',
    ours: 'the first invocation succeeds, because the second init does',
    why: 'As above.',
    cases: ['cannot start the first time alone'],
    seen: [
      { field: 'body', rie: '{"errorMessage":"not yet","errorType":"NotYet"}', ours: '"at last"' },
      { field: 'log of the function', ours: '| 200 application/json {"n":1}' },
      { field: 'log of the function', ours: '| Lambda-Runtime-Aws-Request-Id: $id' },
      { field: 'log of the function', ours: '| Lambda-Runtime-Deadline-Ms: in 3 s' },
    ],
  },
  {
    what: 'A bootstrap that exits at once',
    rie: 'an empty body',
    ours: 'the error Runtime.ExitError',
    why: 'RIE itself uses this message for a bootstrap that exits later.',
    cases: ['ends at once', 'ends at once with a status'],
    seen: [
      {
        field: 'body',
        rie: '',
        ours: '{"errorType":"Runtime.ExitError","errorMessage":"RequestId: $id Error: Runtime exited *"}',
      },
    ],
  },
  {
    what: 'A timeout',
    rie: 'the text `Task timed out after 1.00 seconds`, like a result of the function',
    ours: 'the error Sandbox.Timedout, and a line in the log',
    why: 'As on Lambda [K]; RIE’s text is its own (`rie/handlers.go`).',
    cases: 'every',
    seen: [
      {
        field: 'body',
        rie: 'Task timed out after 1.00 seconds',
        ours: '{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: $id Error: Task timed out after 1.00 seconds"}',
      },
      { field: 'log of the platform', ours: '$time $id Task timed out after 1.00 seconds' },
    ],
  },
  {
    what: 'Time at which an answer is passed on',
    rie: 'when the bootstrap requests the next event; if it does not, the answer is replaced by a timeout',
    ours: 'when the answer is complete',
    why: 'Lambda passes answers on at once [K]; a bootstrap that hangs afterwards affects the next invocation only.',
    cases: ['answers, and does not come back'],
    seen: [{ field: 'body', rie: 'Task timed out after 1.00 seconds', ours: '"and then silence"' }],
  },
  {
    what: 'An unknown response mode',
    rie: 'no answer until the timeout, because the bootstrap cannot request another event',
    ours: 'the error Runtime.InvalidResponseModeHeader, at once',
    why: 'Both send the same refusal and stay in the same state. As above, layersmith does not wait.',
    cases: ['names a mode that there is not'],
    seen: [{ field: 'body', rie: 'Task timed out after 1.00 seconds', ours: '' }],
  },
  {
    what: 'An incomplete answer',
    rie: 'its server panics, and the invocation hangs until the timeout',
    ours: '400 TruncatedHTTPRequest for the bootstrap, which may continue, and Runtime.TruncatedResponse for the invoker',
    why: 'RIE has code for this answer (`render_error.go`) but does not reach it.',
    cases: CUT_SHORT,
    seen: [
      {
        field: 'body',
        rie: 'Task timed out after 1.00 seconds',
        ours: '{"errorType":"Runtime.TruncatedResponse","errorMessage":"HTTP request detected as truncated"}',
      },
      {
        field: 'log of the function',
        rie: '| the connection was closed',
        ours: '| 400 application/json {"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}\\n',
      },
      {
        field: 'log of the function',
        rie: '| 403 application/json {"errorMessage":"State transition from InvocationResponse to Ready failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}\\n',
      },
      { field: 'log of the function', rie: '| the end' },
    ],
  },
  {
    what: 'An incomplete error report',
    rie: 'accepted as an empty report',
    ours: 'refused, like an incomplete answer',
    why: 'The API has an error for incomplete requests.',
    cases: ['stops in the middle of its error'],
    seen: [
      {
        field: 'body',
        rie: '',
        ours: '{"errorType":"Runtime.TruncatedResponse","errorMessage":"HTTP request detected as truncated"}',
      },
      {
        field: 'log of the function',
        rie: '| 202 application/json {"status":"OK"}\\n',
        ours: '| 400 application/json {"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}\\n',
      },
    ],
  },
  {
    what: 'An error report of more than 6 MiB',
    rie: 'its server panics, and the invocation hangs until the timeout',
    ours: '413 and Function.ResponseSizeTooLarge, as for an answer',
    why: 'The limit is the same for both.',
    cases: ['fails with more than there may be'],
    seen: [
      {
        field: 'body',
        rie: 'Task timed out after 1.00 seconds',
        ours: '{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}',
      },
      {
        field: 'log of the function',
        rie: '| the connection was closed',
        ours: '| 413 application/json {"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}\\n',
      },
      {
        field: 'log of the function',
        rie: '| 403 application/json {"errorMessage":"State transition from InvocationErrorResponse to Ready failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}\\n',
      },
      { field: 'log of the function', rie: '| the end' },
    ],
  },
  {
    what: 'An empty event',
    rie: 'passed on unchanged',
    ours: '`{}`',
    why: 'Lambda passes an empty object to a function that is invoked without a payload [K].',
    cases: ['gets an empty event'],
    seen: [
      {
        field: 'log of the function',
        rie: '| 200 application/json ',
        ours: '| 200 application/json {}',
      },
    ],
  },
  {
    what: 'The Extensions API',
    rie: '403: it requires the identifier of an extension',
    ours: '404',
    why: 'Extensions are not supported. RIE answers the same if they are turned off (`middleware.go`).',
    cases: ['asks for what there is not'],
    seen: [
      {
        field: 'log of the function',
        rie: '| 403 application/json {"errorMessage":"Missing Lambda-Extension-Identifier header","errorType":"Extension.MissingExtensionIdentifier"}\\n',
        ours: '| 404 - ',
      },
    ],
  },
  {
    what: 'A request of HTTP 9.9',
    rie: '505: unsupported version',
    ours: '400',
    why: 'These are the answers of Go’s and of Node’s HTTP server; both refuse the request.',
    cases: ['sends what is not HTTP'],
    seen: [
      {
        field: 'log of the function',
        rie: '| 505 text/plain; charset=utf-8 505 HTTP Version Not Supported: unsupported protocol version',
        ours: '| 400 text/plain; charset=utf-8 400 Bad Request',
      },
    ],
  },
];
