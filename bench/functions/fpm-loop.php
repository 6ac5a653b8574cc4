<?php

// The comparison for web mode: a bootstrap in PHP that starts PHP-FPM and passes each event on to it. It does as little as such a
// bootstrap can: one connection to the Runtime API and one to FPM, both kept, and no code but this.

require __DIR__ . '/fpm.php';

const RUNTIME = '/2018-06-01/runtime/';

function connect_to_runtime()
{
    [$host, $port] = explode(':', getenv('AWS_LAMBDA_RUNTIME_API'));
    $socket = socket_create(AF_INET, SOCK_STREAM, SOL_TCP);
    socket_connect($socket, $host, (int) $port) || exit(1);
    socket_set_option($socket, SOL_TCP, TCP_NODELAY, 1);
    return $socket;
}

/** Sends an HTTP request, and returns the head and the body of the answer. */
function exchange($socket, $request)
{
    send($socket, $request);
    $answer = '';
    do {
        receive($socket, $answer, strlen($answer) + 1);
        $end = strpos($answer, "\r\n\r\n");
    } while ($end === false);
    $head = substr($answer, 0, $end + 2);
    $length = (int) substr($head, stripos($head, "\r\nContent-Length:") + 17);
    receive($socket, $answer, $end + 4 + $length);
    return [$head, substr($answer, $end + 4)];
}

$runtime = connect_to_runtime();
$fpm_socket = start_fpm();
$next = 'GET ' . RUNTIME . "invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n";
for (;;) {
    [$head, $event] = exchange($runtime, $next);
    $id = substr($head, stripos($head, "\r\nLambda-Runtime-Aws-Request-Id:") + 33, 36);
    $answer = handle($fpm_socket, $event);
    exchange(
        $runtime,
        'POST ' . RUNTIME . "invocation/$id/response HTTP/1.1\r\nHost: runtime\r\n" .
        "Content-Type: application/json\r\nContent-Length: " . strlen($answer) . "\r\n\r\n$answer"
    );
}
