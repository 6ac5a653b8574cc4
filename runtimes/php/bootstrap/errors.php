<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

use Throwable;

const MAX_STACK_FRAMES = 100;
const MAX_CAUSES = 10;

function log_text(string $text): void
{
    if (\is_resource(STDERR)) {
        \fwrite(STDERR, $text);
    }
}

function log_line(string $message): void
{
    log_text('bootstrap: ' . \addcslashes(\substr($message, 0, MAX_MESSAGE_BYTES), "\0..\37") . "\n");
}

/** Returns a type such as `Function.RuntimeException`, the only form that Lambda passes on. */
function error_type(Throwable $error): string
{
    $class = \get_class($error);
    if (\strpos($class, '@anonymous') !== false) {
        $class = (string) \get_parent_class($error);
    }
    $name = \preg_replace('~^.*\\\\|[^A-Za-z]~', '', $class);
    return 'Function.' . (\strlen($name) < 2 ? 'Error' : \ucfirst($name));
}

/** Creates a report. @return array{errorType: string, errorMessage: string, stackTrace: string[]} as Lambda's runtimes do */
function report(string $type, string $message, array $trace = []): array
{
    if (\strlen($message) > MAX_MESSAGE_BYTES) {
        $message = \substr($message, 0, MAX_MESSAGE_BYTES) . '…';
    }
    return ['errorType' => $type, 'errorMessage' => $message, 'stackTrace' => $trace];
}

/** Creates the report of an exception, with its previous exceptions as `cause`. @return array<string, mixed> */
function report_of(Throwable $error, ?string $type = null): array
{
    $chain = [];
    for ($one = $error; $one !== null && \count($chain) < MAX_CAUSES; $one = $one->getPrevious()) {
        $chain[] = report($one === $error && $type !== null ? $type : error_type($one), $one->getMessage(), trace_of($one));
    }
    $report = \array_pop($chain);
    while (($outer = \array_pop($chain)) !== null) {
        $outer['cause'] = $report;
        $report = $outer;
    }
    return $report;
}

/** Returns the place of the throw, then the calls. Omits arguments, which may be secrets. @return string[] */
function trace_of(Throwable $error): array
{
    $lines = [$error->getFile() . ':' . $error->getLine()];
    foreach ($error->getTrace() as $frame) {
        $name = ($frame['class'] ?? '') . ($frame['type'] ?? '') . $frame['function'] . '()';
        $file = $frame['file'] ?? '';
        if ($file === __FILE__) {
            $lines[] = $name;
            break;
        }
        $lines[] = $name . ($file === '' ? '' : " called at $file:" . $frame['line']);
        if (\count($lines) >= MAX_STACK_FRAMES) {
            $lines[] = '…';
            break;
        }
    }
    return $lines;
}

function report_json(array $report): string
{
    return (string) \json_encode(
        $report,
        JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR
    );
}

/** Logs a report as one line, in the format of Lambda's own runtimes, whose fields CloudWatch recognizes. */
function log_report(string $id, array $report): void
{
    log_text(\gmdate('Y-m-d\TH:i:s\Z') . "\t$id\tERROR\tInvoke Error\t" . report_json($report) . "\n");
}

/** Returns the headers of a request that sends a report. */
function error_headers(array $report): string
{
    return "Content-Type: application/json\r\n" . ERROR_TYPE_HEADER . ': ' . $report['errorType'] . "\r\n";
}

/** Sends a report or a result. A refused one is not sent again. A 5xx ends the process. */
function post(RuntimeApi $api, string $path, string $headers, string $body): void
{
    try {
        check_response($path, $api->call('POST', $path, $headers, $body));
    } catch (ConnectionLost $lost) {
        log_line("$path: " . $lost->getMessage());
    }
}

/** Logs a refusal by the Runtime API. Exits on a 5xx, after which Lambda starts a new process. */
function check_response(string $path, array $response): void
{
    [$status, , $body] = $response;
    if ($status >= 300) {
        log_line("the Runtime API refused $path with $status: " . \substr(\trim($body), 0, 500));
    }
    if ($status >= 500) {
        exit(1);
    }
}
