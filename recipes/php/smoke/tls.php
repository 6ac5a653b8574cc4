<?php

// OpenSSL: hashes, ciphers and signatures, and a whole handshake of TLS over loopback.
require __DIR__ . '/lib/check.php';
require __DIR__ . '/lib/certificate.php';

same('/etc/pki/tls/cert.pem', openssl_get_cert_locations()['default_cert_file'], 'the certificates that are trusted');
same('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', openssl_digest('abc', 'sha256'), 'SHA-256');

$key = random_bytes(32);
$nonce = random_bytes(12);
$box = openssl_encrypt('a secret', 'aes-256-gcm', $key, OPENSSL_RAW_DATA, $nonce, $tag);
same('a secret', openssl_decrypt($box, 'aes-256-gcm', $key, OPENSSL_RAW_DATA, $nonce, $tag), 'AES-256-GCM');

$folder = temporary_folder();
$pem = self_signed_certificate($folder);
$private = openssl_pkey_get_private("file://$pem");
$public = openssl_pkey_get_public("file://$pem");
check(openssl_sign('a message', $signature, $private, OPENSSL_ALGO_SHA256), 'openssl_sign');
same(1, openssl_verify('a message', $signature, $public, OPENSSL_ALGO_SHA256), 'openssl_verify');

/** Both ends of a connection over loopback, the handshake done. */
function tls_pair(array $serverOptions, array $clientOptions): array
{
    $flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
    $context = stream_context_create(['ssl' => $serverOptions]);
    $listener = stream_socket_server('tcp://127.0.0.1:0', $number, $text, $flags, $context);
    $address = 'tcp://' . stream_socket_get_name($listener, false);
    $context = stream_context_create(['ssl' => $clientOptions]);
    $client = stream_socket_client($address, $number, $text, 5, STREAM_CLIENT_CONNECT, $context);
    $server = stream_socket_accept($listener, 5);
    stream_set_blocking($server, false);
    stream_set_blocking($client, false);
    $serverDone = $clientDone = 0;
    for ($round = 0; $round < 1000 && !($serverDone && $clientDone); $round++) {
        // 0 says: not yet, there is more to come from the other side.
        $clientDone = $clientDone ?: stream_socket_enable_crypto($client, true, STREAM_CRYPTO_METHOD_TLS_CLIENT);
        $serverDone = $serverDone ?: stream_socket_enable_crypto($server, true, STREAM_CRYPTO_METHOD_TLS_SERVER);
        check($clientDone !== false && $serverDone !== false, 'the handshake: ' . openssl_error_string());
        usleep(1000);
    }
    check($clientDone === true && $serverDone === true, 'the handshake ends');
    stream_set_blocking($server, true);
    stream_set_blocking($client, true);
    return [$server, $client];
}

$trusting = ['cafile' => $pem, 'peer_name' => 'localhost', 'verify_peer' => true];
[$server, $client] = tls_pair(['local_cert' => $pem], $trusting);
fwrite($client, "over TLS\n");
same("over TLS\n", fgets($server), 'what arrives');
$protocol = stream_get_meta_data($client)['crypto']['protocol'];
$newest = OPENSSL_VERSION_NUMBER >= 0x10101000 && PHP_VERSION_ID >= 70400 ? 'TLSv1.3' : 'TLSv1.2';
same($newest, $protocol, 'the version of TLS');

$refused = '';
try {
    tls_pair(['local_cert' => $pem], ['peer_name' => 'somebody.else'] + $trusting);
} catch (Exception $problem) {
    $refused = $problem->getMessage();
}
check(strpos($refused, 'did not match') !== false, "a certificate of another name is refused, and said why: $refused");

$refused = '';
try {
    // Trusts the platform's certificates alone.
    tls_pair(['local_cert' => $pem], ['peer_name' => 'localhost']);
} catch (Exception $problem) {
    $refused = $problem->getMessage();
}
check(strpos($refused, 'certificate verify failed') !== false, "an unknown certificate is refused, and said why: $refused");

echo "ok\n";
