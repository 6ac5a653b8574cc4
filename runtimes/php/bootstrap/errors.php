<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

use Throwable;

// The file from which functions are called.
const BOOTSTRAP = '/opt/bootstrap';
const MAX_STACK_FRAMES = 100;
const MAX_CAUSES = 10;

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
        if ($frame['function'] === __NAMESPACE__ . '\serve') {
            break;
        }
        if (\strpos($file, BOOTSTRAP) === 0) {
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

/** Returns what is sent of a report: its type, and itself as JSON. @return array{0: string, 1: string} */
function sent(array $report): array
{
    return [$report['errorType'], report_json($report)];
}

/** The report of an exception. @return array{0: string, 1: string} */
function failure(Throwable $error, bool $atInit): array
{
    if ($error instanceof BadHandler) {
        $cause = $error->getPrevious();
        return sent(report($error->type, $error->getMessage(), $cause === null ? [] : trace_of($cause)));
    }
    if ($error instanceof EncodingError) {
        return refusal('Runtime.MarshalError', $error->getMessage());
    }
    return sent(report_of($error, $atInit ? 'Runtime.ImportModuleError' : null));
}

/** The report of an event or a result that is wrong. @return array{0: string, 1: string} */
function refusal(string $type, string $message): array
{
    return sent(report($type, $message));
}

/** The report when PHP ends. @param array<string, mixed>|null $error the last one @return array{0: string, 1: string} */
function ending(?array $error, bool $atInit): array
{
    $fatal = E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR | E_RECOVERABLE_ERROR;
    if ($error === null || ($error['type'] & $fatal) === 0) {
        return $atInit
            ? refusal('Runtime.ImportModuleError', 'exit() was called while the handler was loaded')
            : refusal('Function.Exit', 'exit() was called: a function returns its result instead');
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
    return sent(report($type, $error['message'] . ' in ' . $where[0], $where));
}
