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
    rie: "what Go guesses from the answer's first bytes; the function's own is dropped",
    ours: "what the function's answer says, and JSON for an error",
    why: 'RIE keeps no header of the answer (`rie/util.go`). Lambda hands it on.',
    cases: 'every',
    seen: [{ field: 'content type', rie: '*', ours: '*' }],
  },
  {
    what: 'A function that failed',
    rie: 'nothing but the body tells',
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
    rie: 'none, also where the invoker gives one',
    ours: 'the invoker’s, or a new one that is not sampled',
    why: 'RIE has no tracer (`rapidcore/sandbox_builder.go`). Lambda always sets `Lambda-Runtime-Trace-Id`.',
    cases: 'every',
    seen: [{ field: 'log of the function', ours: '| Lambda-Runtime-Trace-Id: Root=$root;*' }],
  },
  {
    what: 'Trace id, in a function',
    rie: 'no trace id to know',
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
    what: 'Place of the init duration in REPORT',
    rie: 'first, and it is the time to start a process',
    ours: 'last, and it is the time until the bootstrap asked for its first event',
    why: 'The order is that of CloudWatch’s lines. RIE’s memory is not measured either: it prints the limit twice.',
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
    rie: 'no status',
    ours: '`Status: timeout`, or `Status: error` with the type of an error that the function did not report itself',
    why: 'As CloudWatch shows it (developer guide, “Understanding the Lambda execution environment lifecycle”).',
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
    what: 'A bootstrap that ends, or cannot start',
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
    what: 'How a bootstrap ended, in the log',
    rie: 'only in its own log, in other words',
    ours: 'two lines: the error’s message with the request id, and its type',
    why: 'As CloudWatch shows it [K].',
    cases: [...ENDINGS, ...FAILED_INITS],
    seen: [
      { field: 'log of the platform', ours: 'RequestId: $id Error: Runtime exited *' },
      { field: 'log of the platform', ours: 'Runtime.ExitError' },
    ],
  },
  {
    what: 'An init that fails',
    rie: 'one init, in the first invocation, which gets its error',
    ours: 'an init before the first invocation, and a second one inside that, which gets the error of the second; a line INIT_REPORT for each',
    why: 'Lambda retries a failed init inside the first invocation (developer guide, same page). RIE knows no init before an invocation.',
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
    ],
  },
  {
    what: 'An init that fails once',
    rie: 'the first invocation gets the error',
    ours: 'the first invocation works: its own init did',
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
    what: 'A bootstrap that ends at once',
    rie: 'an empty body',
    ours: 'the error Runtime.ExitError',
    why: 'The text is the one that RIE itself has for a bootstrap that ends later.',
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
    rie: 'the text `Task timed out after 1.00 seconds`, as if the function had answered that',
    ours: 'the error Sandbox.Timedout, and a line in the log',
    why: 'As Lambda answers [K]; RIE’s text is for its own users (`rie/handlers.go`).',
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
    what: 'When an answer is passed on',
    rie: 'when the bootstrap asks for the next event; if it does not, the answer is lost to a timeout',
    ours: 'when it is complete',
    why: 'Lambda passes answers on as they come [K]; a bootstrap that does not come back is the next invocation’s problem.',
    cases: ['answers, and does not come back'],
    seen: [{ field: 'body', rie: 'Task timed out after 1.00 seconds', ours: '"and then silence"' }],
  },
  {
    what: 'A mode of response that there is not',
    rie: 'no answer until the timeout, since the bootstrap cannot ask for another event',
    ours: 'the error Runtime.InvalidResponseModeHeader at once',
    why: 'Both refuse it with the same words and stay in the same state. As above, ours does not wait.',
    cases: ['names a mode that there is not'],
    seen: [{ field: 'body', rie: 'Task timed out after 1.00 seconds', ours: '' }],
  },
  {
    what: 'An answer that stops in its middle',
    rie: 'its server panics, and the invocation hangs until the timeout',
    ours: '400 TruncatedHTTPRequest for the bootstrap, which may ask again, and Runtime.TruncatedResponse for the invoker',
    why: 'RIE has the code for it (`render_error.go`), and does not get there.',
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
    what: 'An error report that stops in its middle',
    rie: 'taken, as an empty one',
    ours: 'refused, like an answer that does',
    why: 'Half a report is none, and the API has an error for that.',
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
    what: 'An event of no bytes',
    rie: 'handed on as it is',
    ours: '`{}`',
    why: 'Lambda gives a function that is invoked without a payload an empty object [K].',
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
    rie: '403: it asks who is there',
    ours: '404',
    why: 'There are no extensions here. It is what RIE says where they are off (`middleware.go`).',
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
    rie: '505 for a version that there is not',
    ours: '400',
    why: 'The words are those of Go’s and of Node’s server; both refuse it.',
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
