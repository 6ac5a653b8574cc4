<?php

// curl over HTTP, HTTPS and files, sockets, and FTP, all against servers on loopback.
require __DIR__ . '/lib/check.php';
require __DIR__ . '/lib/certificate.php';

$version = curl_version();
$openssl = explode(' ', OPENSSL_VERSION_TEXT)[1];
same("OpenSSL/$openssl", $version['ssl_version'], "curl's TLS: the OpenSSL that PHP has");
check($version['libz_version'] !== '', "curl's zlib");
foreach (['file', 'ftp', 'ftps', 'http', 'https'] as $protocol) {
    check(in_array($protocol, $version['protocols'], true), "curl has $protocol");
}
check(($version['features'] & CURL_VERSION_ASYNCHDNS) !== 0, 'curl looks up names with a time limit');

$folder = temporary_folder();
$pem = self_signed_certificate($folder);

/** Answers one request with $answer, from a child. Returns the port and the child. */
function serve_once(string $answer, array $tls = []): array
{
    $transport = $tls ? 'tls' : 'tcp';
    $context = stream_context_create(['ssl' => $tls]);
    $flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
    $listener = stream_socket_server("$transport://127.0.0.1:0", $number, $text, $flags, $context);
    $port = (int) substr(strrchr(stream_socket_get_name($listener, false), ':'), 1);
    $child = in_child(function () use ($listener, $answer) {
        $connection = stream_socket_accept($listener, 10);
        while (trim(fgets($connection)) !== '');
        fwrite($connection, $answer);
        fclose($connection);
    });
    fclose($listener);
    return [$port, $child];
}

function get(string $url, array $options = []): string
{
    $curl = curl_init($url);
    curl_setopt_array($curl, $options + [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 10]);
    $body = curl_exec($curl);
    check($body !== false, "$url: " . curl_error($curl));
    return $body;
}

file_put_contents("$folder/file", 'from a file');
same('from a file', get("file://$folder/file"), 'curl, file');

$packed = gzencode('packed on the way');
$answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " . strlen($packed) . "\r\n\r\n$packed";
[$port, $child] = serve_once($answer);
same('packed on the way', get("http://127.0.0.1:$port/", [CURLOPT_ENCODING => '']), 'curl, HTTP with gzip');
wait_for($child, 'the HTTP server');

if (version_compare($version['version'], '8', '>=')) {
    check(($version['features'] & CURL_VERSION_HTTP2) !== 0, 'curl speaks HTTP/2');
    $text = 'packed otherwise';
    // The shortest form that each format has: the text as it is, in one block. brotli's length is one less, in 16 bits.
    $size = strlen($text);
    $packed = [
        'br' => pack('C3', 0x0b | ($size - 1 & 1) << 7, $size - 1 >> 1, 0x80) . $text . "\x03",
        'zstd' => "\x28\xb5\x2f\xfd\x20" . pack('Cvx', $size, $size << 3 | 1) . $text,
    ];
    foreach ($packed as $encoding => $body) {
        $header = "Content-Encoding: $encoding\r\nContent-Length: " . strlen($body);
        [$port, $child] = serve_once("HTTP/1.1 200 OK\r\n$header\r\n\r\n$body");
        same($text, get("http://127.0.0.1:$port/", [CURLOPT_ENCODING => '']), "curl, HTTP with $encoding");
        wait_for($child, 'the HTTP server');
    }
}

[$port, $child] = serve_once("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsafe", ['local_cert' => $pem]);
same('safe', get("https://localhost:$port/", [CURLOPT_CAINFO => $pem]), 'curl, HTTPS');
wait_for($child, 'the HTTPS server');

[$port, $child] = serve_once("HTTP/1.0 200 OK\r\n\r\nstreamed");
same('streamed', file_get_contents("http://127.0.0.1:$port/"), 'the http:// stream');
wait_for($child, 'the HTTP server');

// sockets
check(socket_create_pair(AF_UNIX, SOCK_STREAM, 0, $pair), 'socket_create_pair');
socket_write($pair[0], 'through a socket');
same('through a socket', socket_read($pair[1], 100), 'socket_read');
$closed = socket_create(AF_INET, SOCK_STREAM, SOL_TCP);
same(false, @socket_connect($closed, '127.0.0.1', 1), 'a connection to a closed port');
same(SOCKET_ECONNREFUSED, socket_last_error($closed), 'its error');

// FTP
$listener = stream_socket_server('tcp://127.0.0.1:0');
$port = (int) substr(strrchr(stream_socket_get_name($listener, false), ':'), 1);
$child = in_child(function () use ($listener) {
    $answers = ['USER' => '331 and now?', 'PASS' => '230 hello', 'PWD' => '257 "/here"', 'QUIT' => '221 bye'];
    $connection = stream_socket_accept($listener, 10);
    fwrite($connection, "220 ready\r\n");
    while (($line = fgets($connection)) !== false) {
        fwrite($connection, $answers[strtok($line, " \r")] . "\r\n");
    }
});
fclose($listener);
$ftp = ftp_connect('127.0.0.1', $port, 10);
check(ftp_login($ftp, 'somebody', 'secret'), 'ftp_login');
same('/here', ftp_pwd($ftp), 'ftp_pwd');
ftp_close($ftp);
wait_for($child, 'the FTP server');
same(false, @ftp_connect('127.0.0.1', 1, 2), 'FTP to a closed port');
check(function_exists('ftp_ssl_connect'), 'FTP over TLS');

echo "ok\n";
