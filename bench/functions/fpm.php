<?php

// What the bootstraps share that pass events on to PHP-FPM: a client of FastCGI, and events and answers of HTTP (format 2.0).

const FPM_SOCKET = '/tmp/php-fpm.sock';
const SCRIPT = '/index.php';

// The types of records that are used (FastCGI 1.0, section 8).
const BEGIN = 1;
const END = 3;
const PARAMS = 4;
const STDIN_DATA = 5;
const STDOUT_DATA = 6;

/** Starts PHP-FPM, and returns a connection to it. */
function start_fpm()
{
    @unlink(FPM_SOCKET);
    $GLOBALS['fpm'] = proc_open(['/opt/bin/php-fpm', '-F', '-y', '/var/task/php-fpm.conf'], [], $pipes);
    $socket = socket_create(AF_UNIX, SOCK_STREAM, 0);
    for ($i = 0; !@socket_connect($socket, FPM_SOCKET); $i++) {
        $i < 10000 || exit(1);
        usleep(500);
    }
    return $socket;
}

function send($socket, $bytes)
{
    while ($bytes !== '') {
        $sent = socket_write($socket, $bytes);
        $sent !== false || exit(1);
        $bytes = substr($bytes, $sent);
    }
}

/** Receives until there are that many bytes. */
function receive($socket, &$bytes, $length)
{
    while (strlen($bytes) < $length) {
        $more = socket_read($socket, 65536);
        if ($more === false || $more === '') {
            exit(1);
        }
        $bytes .= $more;
    }
}

function record($type, $content)
{
    return pack('CCnnCx', 1, $type, 1, strlen($content), 0) . $content;
}

/** Splits content that is longer than a record can be. */
function records($type, $content)
{
    $records = '';
    foreach ($content === '' ? [] : str_split($content, 65535) as $part) {
        $records .= record($type, $part);
    }
    return $records . record($type, '');
}

/** The variables of CGI for an event (HTTP, format 2.0). */
function variables($event, $body)
{
    $http = $event['requestContext']['http'];
    $query = $event['rawQueryString'];
    $variables = [
        'GATEWAY_INTERFACE' => 'CGI/1.1',
        'SERVER_SOFTWARE' => 'loop',
        'DOCUMENT_ROOT' => '/var/task/public',
        'SCRIPT_FILENAME' => '/var/task/public' . SCRIPT,
        'SCRIPT_NAME' => SCRIPT,
        'DOCUMENT_URI' => SCRIPT,
        'REQUEST_METHOD' => $http['method'],
        'REQUEST_URI' => $event['rawPath'] . ($query === '' ? '' : "?$query"),
        'QUERY_STRING' => $query,
        'SERVER_PROTOCOL' => $http['protocol'],
        'SERVER_NAME' => $event['headers']['host'] ?? 'localhost',
        'SERVER_PORT' => $event['headers']['x-forwarded-port'] ?? '80',
        'REMOTE_ADDR' => $http['sourceIp'],
        'CONTENT_TYPE' => $event['headers']['content-type'] ?? '',
        'CONTENT_LENGTH' => $body === '' ? '' : strlen($body),
        'LAMBDA_REQUEST_CONTEXT' => json_encode($event['requestContext']),
    ];
    foreach ($event['headers'] as $name => $value) {
        $variables['HTTP_' . strtoupper(strtr($name, '-', '_'))] = $value;
    }
    if (isset($event['cookies'])) {
        $variables['HTTP_COOKIE'] = implode('; ', $event['cookies']);
    }
    return $variables;
}

/** Runs the script in FPM for an event, and returns the answer, as JSON. */
function handle($socket, $json)
{
    $event = json_decode($json, true);
    $body = $event['body'] ?? '';
    if ($event['isBase64Encoded']) {
        $body = base64_decode($body);
    }
    return answer_of(ask_fpm($socket, variables($event, $body), $body));
}

/** Returns what the script prints, headers first. */
function ask_fpm($socket, $variables, $body)
{
    $params = '';
    foreach ($variables as $name => $value) {
        $length = strlen($value);
        $params .= chr(strlen($name)) . ($length < 128 ? chr($length) : pack('N', $length | 0x80000000)) . $name . $value;
    }
    // The role of a responder; the connection is kept.
    $begin = record(BEGIN, "\0\1\1\0\0\0\0\0");
    send($socket, $begin . records(PARAMS, $params) . records(STDIN_DATA, $body));
    $output = $received = '';
    for ($at = 0; ; $at += 8 + $record['length'] + $record['padding']) {
        receive($socket, $received, $at + 8);
        $record = unpack('x/Ctype/nid/nlength/Cpadding', $received, $at);
        receive($socket, $received, $at + 8 + $record['length'] + $record['padding']);
        if ($record['type'] === STDOUT_DATA) {
            $output .= substr($received, $at + 8, $record['length']);
        } elseif ($record['type'] === END) {
            return $output;
        }
    }
}

function answer_of($output)
{
    [$head, $body] = explode("\r\n\r\n", $output, 2);
    $answer = ['statusCode' => 200, 'headers' => []];
    foreach (explode("\r\n", $head) as $line) {
        [$name, $value] = explode(': ', $line, 2);
        $name = strtolower($name);
        if ($name === 'status') {
            $answer['statusCode'] = (int) $value;
        } elseif ($name === 'set-cookie') {
            $answer['cookies'][] = $value;
        } else {
            $answer['headers'][$name] = $value;
        }
    }
    $is_text = preg_match('//u', $body) === 1;
    $answer['body'] = $is_text ? $body : base64_encode($body);
    $answer['isBase64Encoded'] = !$is_text;
    return json_encode($answer, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
}
