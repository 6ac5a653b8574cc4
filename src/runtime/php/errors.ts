/** What is said of an error: to the log, and to the Runtime API. */
export const ERRORS = String.raw`const LONGEST_MESSAGE = 32768;
const MOST_FRAMES = 100;
const LONGEST_CHAIN = 10;

function log_text(string $text): void
{
    if (\is_resource(STDERR)) {
        \fwrite(STDERR, $text);
    }
}

function log_line(string $message): void
{
    log_text('bootstrap: ' . \addcslashes(\substr($message, 0, LONGEST_MESSAGE), "\0..\37") . "\n");
}

/** Function.RuntimeException: Lambda lets no other form through. */
function error_type(Throwable $error): string
{
    $class = \get_class($error);
    if (\strpos($class, '@anonymous') !== false) {
        $class = (string) \get_parent_class($error);
    }
    $name = \preg_replace('~^.*\\\\|[^A-Za-z]~', '', $class);
    return 'Function.' . (\strlen($name) < 2 ? 'Error' : \ucfirst($name));
}

/** @return array{errorType: string, errorMessage: string, stackTrace: string[]} as Lambda wants it */
function report(string $type, string $message, array $trace = []): array
{
    if (\strlen($message) > LONGEST_MESSAGE) {
        $message = \substr($message, 0, LONGEST_MESSAGE) . '…';
    }
    return ['errorType' => $type, 'errorMessage' => $message, 'stackTrace' => $trace];
}

/** The exception and those that led to it. */
function report_of(Throwable $error, ?string $type = null): array
{
    $chain = [];
    for ($one = $error; $one !== null && \count($chain) < LONGEST_CHAIN; $one = $one->getPrevious()) {
        $chain[] = report($one === $error && $type !== null ? $type : error_type($one), $one->getMessage(), trace_of($one));
    }
    $report = \array_pop($chain);
    while (($outer = \array_pop($chain)) !== null) {
        $outer['cause'] = $report;
        $report = $outer;
    }
    return $report;
}

/** @return string[] where it was thrown, then who called whom; arguments are left out: they may be secrets */
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
        if (\count($lines) >= MOST_FRAMES) {
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

/** One line, in the form that Lambda's own runtimes use, so that CloudWatch knows its fields. */
function log_report(string $id, array $report): void
{
    log_text(\gmdate('Y-m-d\TH:i:s\Z') . "\t$id\tERROR\tInvoke Error\t" . report_json($report) . "\n");
}

/** Headers of a report. */
function error_headers(array $report): string
{
    return "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: " . $report['errorType'] . "\r\n";
}

/** Sends a report or an answer. One that is refused is not repeated; an API that is broken ends us. */
function post(RuntimeApi $api, string $path, string $headers, string $body): void
{
    try {
        heed($path, $api->call('POST', $path, $headers, $body));
    } catch (ConnectionLost $lost) {
        log_line("$path: " . $lost->getMessage());
    }
}

/** Says what the Runtime API refused. */
function heed(string $path, array $answer): void
{
    [$status, , $body] = $answer;
    if ($status >= 300) {
        log_line("the Runtime API refused $path with $status: " . \substr(\trim($body), 0, 500));
    }
    if ($status >= 500) {
        exit(1);
    }
}
`;
