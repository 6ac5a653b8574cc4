<?php

// A simple bootstrap: a new curl connection for each call of the Runtime API.

require '/var/task/src/hello.php';

$api = 'http://' . getenv('AWS_LAMBDA_RUNTIME_API') . '/2018-06-01/runtime/invocation';

while (true) {
    $id = '';
    $next = curl_init("$api/next");
    curl_setopt($next, CURLOPT_RETURNTRANSFER, true);
    curl_setopt($next, CURLOPT_HEADERFUNCTION, function ($handle, $line) use (&$id) {
        if (preg_match('/^Lambda-Runtime-Aws-Request-Id:\s*(\S+)/i', $line, $match)) {
            $id = $match[1];
        }
        return strlen($line);
    });
    $event = json_decode(curl_exec($next), true);
    curl_close($next);

    $response = curl_init("$api/$id/response");
    curl_setopt($response, CURLOPT_POSTFIELDS, hello($event));
    curl_setopt($response, CURLOPT_RETURNTRANSFER, true);
    curl_exec($response);
    curl_close($response);
}
