<?php

// The same, as most bootstraps are written: curl for the Runtime API, and a connection to FPM for each request.

require __DIR__ . '/fpm.php';

$api = 'http://' . getenv('AWS_LAMBDA_RUNTIME_API') . '/2018-06-01/runtime/invocation';
$fpm_socket = start_fpm();
$id = '';
$next = curl_init("$api/next");
curl_setopt($next, CURLOPT_RETURNTRANSFER, true);
curl_setopt($next, CURLOPT_HEADERFUNCTION, function ($handle, $line) use (&$id) {
    if (preg_match('/^Lambda-Runtime-Aws-Request-Id:\s*(\S+)/i', $line, $match)) {
        $id = $match[1];
    }
    return strlen($line);
});
$response = curl_init();
curl_setopt($response, CURLOPT_RETURNTRANSFER, true);
curl_setopt($response, CURLOPT_HTTPHEADER, ['Content-Type: application/json']);
for (;;) {
    $answer = handle($fpm_socket, curl_exec($next));
    curl_setopt($response, CURLOPT_URL, "$api/$id/response");
    curl_setopt($response, CURLOPT_POSTFIELDS, $answer);
    curl_exec($response);
    socket_close($fpm_socket);
    $fpm_socket = socket_create(AF_UNIX, SOCK_STREAM, 0);
    socket_connect($fpm_socket, FPM_SOCKET);
}
