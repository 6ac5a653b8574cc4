/** From event to answer, for as long as the process lives; and what is said when it dies. */
export const LOOP = String.raw`/** The answer of a handler that streams: sent as it is written, from the first byte on. */
final class StreamedAnswer
{
    public $begun = false;
    private $api;
    private $path;
    private $contentType;
    private $prelude;
    private $lost = false;

    public function __construct(RuntimeApi $api, string $id, string $contentType, string $prelude)
    {
        $this->api = $api;
        $this->path = "invocation/$id/response";
        $this->contentType = $contentType;
        $this->prelude = $prelude;
    }

    public function write(string $bytes): void
    {
        if ($bytes === '' || $this->lost) {
            return;
        }
        try {
            $this->begin();
            $this->api->chunk($bytes);
        } catch (ConnectionLost $lost) {
            $this->giveUp($lost);
        }
    }

    /** The end; of an answer that failed in its middle with the report in the trailers. */
    public function end(?array $report = null): void
    {
        $trailers = '';
        if ($report !== null) {
            $trailers = 'Lambda-Runtime-Function-Error-Type: ' . $report['errorType'] . "\r\n"
                . 'Lambda-Runtime-Function-Error-Body: ' . \base64_encode(report_json($report)) . "\r\n";
        }
        try {
            $this->begin();
            if (!$this->lost) {
                heed($this->path, $this->api->end($trailers));
            }
        } catch (ConnectionLost $lost) {
            $this->giveUp($lost);
        }
    }

    private function begin(): void
    {
        if ($this->begun) {
            return;
        }
        $this->begun = true;
        $this->api->begin($this->path, 'Content-Type: ' . $this->contentType . "\r\n"
            . "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
            . "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n");
        if ($this->prelude !== '') {
            $this->api->chunk($this->prelude);
        }
    }

    private function giveUp(ConnectionLost $lost): void
    {
        $this->lost = true;
        log_line("$this->path: " . $lost->getMessage());
    }
}

/** The process: what it is at, so that its end can be told. */
final class Process
{
    private $api;
    private $handler = null;
    private $context;
    private $state;
    /** The invocation under way. */
    private $id = null;
    private $stream = null;
    private $pid;
    /** Given back when memory is exhausted, so that the report of it has room. */
    private $reserve;

    public function __construct(RuntimeApi $api)
    {
        $this->api = $api;
        $this->pid = \getmypid();
        $this->reserve = \str_repeat(' ', 524288);
    }

    public function init(): void
    {
        $root = \getenv('LAMBDA_TASK_ROOT') ?: '/var/task';
        @\chdir($root);
        use_compiled_code($root);
        try {
            $this->handler = load_handler($root);
        } catch (BadHandler $bad) {
            $this->failInit(report($bad->type, $bad->getMessage(), $bad->trace));
        }
        $this->context = new \Layersmith\Context();
        $this->state = new State();
    }

    private function failInit(array $report): void
    {
        $this->handler = false; // told
        log_report('init', $report);
        post($this->api, 'init/error', error_headers($report), report_json($report));
        exit(1);
    }

    public function run(): void
    {
        while (true) {
            [$headers, $body] = $this->next();
            $this->invoke($headers, $body);
            $this->state->restore();
        }
    }

    /** @return array{0: array<string, string>, 1: string} the next event's headers and body */
    private function next(): array
    {
        $refused = 0;
        $alone = 0;
        for ($failed = 0; ; $failed++) {
            try {
                [$status, $headers, $body] = $this->api->call('GET', 'invocation/next');
            } catch (NoConnection $none) {
                if (++$alone > 20) {
                    log_line($none->getMessage());
                    exit(1);
                }
                \usleep(100000);
                continue;
            } catch (ConnectionLost $lost) {
                log_line('invocation/next: ' . $lost->getMessage());
                \usleep($failed < 100 ? 0 : 1000);
                continue;
            }
            $id = $headers['lambda-runtime-aws-request-id'] ?? '';
            if ($status === 200 && $id !== '' && \strspn($id, REQUEST_ID_CHARACTERS) === \strlen($id)) {
                return [$headers, $body];
            }
            log_line("the Runtime API gave no event but $status: " . \substr(\trim($body), 0, 500));
            if ($status >= 500 || ($status >= 400 && ++$refused > 10)) {
                exit(1);
            }
        }
    }

    private function invoke(array $headers, string $body): void
    {
        $id = $this->id = $headers['lambda-runtime-aws-request-id'];
        $context = $this->contextOf($headers);
        \error_clear_last();
        try {
            try {
                $event = \json_decode($body, true, DEPTH, JSON_BIGINT_AS_STRING | JSON_THROW_ON_ERROR);
            } catch (\JsonException $error) {
                $this->fail(report('Runtime.UnmarshalError', 'the event is not JSON: ' . $error->getMessage()));
                return;
            }
            $body = '';
            if ($this->state->timeLimit() !== 0) {
                \set_time_limit($this->state->timeLimit());
            }
            $result = ($this->handler)($event, $context);
            if (\is_string($result)) {
                $type = 'application/octet-stream';
            } elseif ($result instanceof \Generator || $result instanceof \Closure || $result instanceof \Layersmith\StreamedResponse) {
                $this->stream($result);
                return;
            } else {
                $result = encode($result);
                $type = 'application/json';
            }
        } catch (Unencodable $error) {
            $this->fail(report('Runtime.MarshalError', $error->getMessage()));
            return;
        } catch (Throwable $error) {
            $this->fail(report_of($error));
            return;
        }
        flush_buffers();
        $this->id = null;
        post($this->api, "invocation/$id/response", "Content-Type: $type\r\n", $result);
    }

    private function contextOf(array $headers): \Layersmith\Context
    {
        $context = clone $this->context;
        $context->awsRequestId = $headers['lambda-runtime-aws-request-id'];
        $context->invokedFunctionArn = $headers['lambda-runtime-invoked-function-arn'] ?? '';
        $context->deadlineMs = (int) ($headers['lambda-runtime-deadline-ms'] ?? 0);
        $context->tenantId = $headers['lambda-runtime-aws-tenant-id'] ?? null;
        if (isset($headers['lambda-runtime-client-context'])) {
            $decoded = \json_decode($headers['lambda-runtime-client-context'], true);
            $context->clientContext = \is_array($decoded) ? $decoded : null;
        }
        if (isset($headers['lambda-runtime-cognito-identity'])) {
            $decoded = \json_decode($headers['lambda-runtime-cognito-identity'], true);
            $context->identity = \is_array($decoded) ? $decoded : null;
        }
        $trace = $context->traceId = $headers['lambda-runtime-trace-id'] ?? null;
        \putenv($trace === null ? '_X_AMZN_TRACE_ID' : "_X_AMZN_TRACE_ID=$trace");
        if ($trace !== null) {
            $_ENV['_X_AMZN_TRACE_ID'] = $_SERVER['_X_AMZN_TRACE_ID'] = $trace;
        }
        return $context;
    }

    /** A generator, a callable that gets a ResponseStream, or a StreamedResponse of either. */
    private function stream($result): void
    {
        $isResponse = $result instanceof \Layersmith\StreamedResponse;
        $type = $isResponse ? $result->contentType : 'application/octet-stream';
        $stream = $this->stream = new StreamedAnswer($this->api, $this->id, $type, $isResponse ? $result->prelude : '');
        $body = $isResponse ? $result->body : $result;
        if (\is_iterable($body)) {
            foreach ($body as $bytes) {
                if (!\is_scalar($bytes) && !(\is_object($bytes) && \method_exists($bytes, '__toString'))) {
                    throw new Unencodable('the stream gave ' . \gettype($bytes) . ': it must give strings');
                }
                $stream->write((string) $bytes);
            }
        } else {
            $body(new \Layersmith\ResponseStream(static function (string $bytes) use ($stream): void {
                $stream->write($bytes);
            }));
        }
        flush_buffers();
        $this->id = $this->stream = null;
        $stream->end();
    }

    /** The invocation under way has failed. */
    private function fail(array $report): void
    {
        [$id, $stream] = [$this->id, $this->stream];
        $this->id = $this->stream = null;
        flush_buffers();
        log_report($id, $report);
        if ($stream !== null && $stream->begun) {
            $stream->end($report);
        } else {
            post($this->api, "invocation/$id/error", error_headers($report), report_json($report));
        }
    }

    /** PHP ends, and not because we said so: what was under way is told, then the platform starts anew. */
    public function shutDown(): void
    {
        if (\getmypid() !== $this->pid) {
            return; // a child that the function made
        }
        $this->reserve = null;
        \ini_set('memory_limit', '-1');
        \set_time_limit(0);
        \register_shutdown_function(static function (): void {
            exit(1);
        });
        if ($this->id === null && $this->handler !== null) {
            return;
        }
        $report = $this->endReport(\error_get_last());
        if ($this->id !== null) {
            $this->fail($report);
            return;
        }
        $this->handler = false;
        log_report('init', $report);
        post($this->api, 'init/error', error_headers($report), report_json($report));
    }

    private function endReport(?array $error): array
    {
        $atInit = $this->id === null;
        $fatal = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR;
        if ($error === null || ($error['type'] & $fatal) === 0) {
            return report($atInit ? 'Runtime.ImportModuleError' : 'Function.Exit', $atInit
                ? 'exit() was called while the handler was loaded'
                : 'exit() was called: a function returns its answer instead');
        }
        $where = [$error['file'] . ':' . $error['line']];
        if (\strpos($error['message'], 'Allowed memory size of ') === 0) {
            $type = 'Function.OutOfMemory';
        } elseif (\strpos($error['message'], 'Maximum execution time of ') === 0) {
            $type = 'Function.TimeLimit';
        } elseif ($atInit) {
            $type = $error['type'] & (E_PARSE | E_COMPILE_ERROR) ? 'Runtime.UserCodeSyntaxError' : 'Runtime.ImportModuleError';
        } else {
            $type = 'Function.FatalError';
        }
        return report($type, $error['message'] . ' in ' . $where[0], $where);
    }
}

const REQUEST_ID_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';

(static function (): void {
    $process = new Process(new RuntimeApi((string) \getenv('AWS_LAMBDA_RUNTIME_API')));
    flush_buffers();
    limit_memory();
    \register_shutdown_function([$process, 'shutDown']);
    $process->init();
    $process->run();
})();
`;
