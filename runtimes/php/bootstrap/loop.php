<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

use Throwable;

/** Sends a streamed response. Each piece is sent as it is written. */
final class ResponseWriter
{
    public $started = false;
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

    /** Ends the response. If the handler failed after the first byte, the report is sent in the trailers. */
    public function end(?array $report = null): void
    {
        $trailers = '';
        if ($report !== null) {
            $trailers = ERROR_TYPE_HEADER . ': ' . $report['errorType'] . "\r\n"
                . ERROR_BODY_HEADER . ': ' . \base64_encode(report_json($report)) . "\r\n";
        }
        try {
            $this->begin();
            if (!$this->lost) {
                check_response($this->path, $this->api->end($trailers));
            }
        } catch (ConnectionLost $lost) {
            $this->giveUp($lost);
        }
    }

    private function begin(): void
    {
        if ($this->started) {
            return;
        }
        $this->started = true;
        $this->api->begin($this->path, 'Content-Type: ' . $this->contentType . "\r\n"
            . RESPONSE_MODE_HEADER . ": streaming\r\n"
            . 'Trailer: ' . ERROR_TYPE_HEADER . ', ' . ERROR_BODY_HEADER . "\r\n");
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

/** Initializes the function and serves its invocations. Reports the one in progress if the process ends. */
final class Process
{
    private $api;
    private $handler = null;
    private $context;
    private $state;
    /** The request ID of the current invocation. */
    private $id = null;
    private $stream = null;
    private $pid;
    /** Memory that is freed at the memory limit, so that the error can be reported. */
    private $reserve;

    public function __construct(RuntimeApi $api)
    {
        $this->api = $api;
        $this->pid = \getmypid();
        $this->reserve = \str_repeat(' ', 524288);
    }

    public function init(): void
    {
        $root = \getenv('LAMBDA_TASK_ROOT') ?: TASK_ROOT;
        @\chdir($root);
        use_compiled_code($root);
        try {
            $this->handler = handler_of_mode($root);
        } catch (BadHandler $bad) {
            $this->failInit(report($bad->type, $bad->getMessage(), $bad->trace));
        }
        $this->context = new \Layersmith\Context();
        $this->state = new State();
    }

    private function failInit(array $report): void
    {
        $this->handler = false; // reported
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

    /** Waits for the next event. @return array{0: array<string, string>, 1: string} its headers and body */
    private function next(): array
    {
        $refused = 0;
        $unreachable = 0;
        for ($failed = 0; true; $failed++) {
            try {
                [$status, $headers, $body] = $this->api->call('GET', 'invocation/next');
            } catch (NoConnection $none) {
                if (++$unreachable > 20) {
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
            $id = $headers[REQUEST_ID_HEADER] ?? '';
            if ($status === 200 && $id !== '' && \strspn($id, REQUEST_ID_CHARACTERS) === \strlen($id)) {
                return [$headers, $body];
            }
            log_line("the Runtime API answered $status instead of an event: " . \substr(\trim($body), 0, 500));
            if ($status >= 500 || ($status >= 400 && ++$refused > 10)) {
                exit(1);
            }
        }
    }

    private function invoke(array $headers, string $body): void
    {
        $id = $this->id = $headers[REQUEST_ID_HEADER];
        $context = $this->contextOf($headers);
        \error_clear_last();
        try {
            try {
                $event = \json_decode($body, true, MAX_JSON_DEPTH, JSON_BIGINT_AS_STRING | JSON_THROW_ON_ERROR);
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
        } catch (EncodingError $error) {
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
        $context->awsRequestId = $headers[REQUEST_ID_HEADER];
        $context->invokedFunctionArn = $headers[FUNCTION_ARN_HEADER] ?? '';
        $context->deadlineMs = (int) ($headers[DEADLINE_HEADER] ?? 0);
        $context->tenantId = $headers[TENANT_ID_HEADER] ?? null;
        if (isset($headers[CLIENT_CONTEXT_HEADER])) {
            $decoded = \json_decode($headers[CLIENT_CONTEXT_HEADER], true);
            $context->clientContext = \is_array($decoded) ? $decoded : null;
        }
        if (isset($headers[COGNITO_IDENTITY_HEADER])) {
            $decoded = \json_decode($headers[COGNITO_IDENTITY_HEADER], true);
            $context->identity = \is_array($decoded) ? $decoded : null;
        }
        $trace = $context->traceId = $headers[TRACE_ID_HEADER] ?? null;
        \putenv($trace === null ? '_X_AMZN_TRACE_ID' : "_X_AMZN_TRACE_ID=$trace");
        if ($trace !== null) {
            $_ENV['_X_AMZN_TRACE_ID'] = $_SERVER['_X_AMZN_TRACE_ID'] = $trace;
        }
        return $context;
    }

    /**
     * Sends a streamed result.
     *
     * @param \Generator|\Closure|\Layersmith\StreamedResponse $result
     */
    private function stream($result): void
    {
        $isResponse = $result instanceof \Layersmith\StreamedResponse;
        $type = $isResponse ? $result->contentType : 'application/octet-stream';
        $stream = $this->stream = new ResponseWriter($this->api, $this->id, $type, $isResponse ? $result->prelude : '');
        $body = $isResponse ? $result->body : $result;
        if (\is_iterable($body)) {
            foreach ($body as $bytes) {
                if (!\is_scalar($bytes) && !(\is_object($bytes) && \method_exists($bytes, '__toString'))) {
                    throw new EncodingError('the stream yielded ' . \gettype($bytes) . ': it must yield strings');
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

    /** Reports that the current invocation failed. */
    private function fail(array $report): void
    {
        [$id, $stream] = [$this->id, $this->stream];
        $this->id = $this->stream = null;
        flush_buffers();
        log_report($id, $report);
        if ($stream !== null && $stream->started) {
            $stream->end($report);
        } else {
            post($this->api, "invocation/$id/error", error_headers($report), report_json($report));
        }
    }

    /** Called when PHP shuts down: reports the invocation or the init that it interrupts. */
    public function shutDown(): void
    {
        if (\getmypid() !== $this->pid) {
            return; // a child process that the function forked
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
                : 'exit() was called: a function returns its result instead');
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
