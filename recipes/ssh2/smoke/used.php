<?php
require '/var/task/lib/check.php';
require __DIR__ . '/server.php';

$hostKey = sodium_crypto_sign_keypair();
$server = stream_socket_server('tcp://127.0.0.1:0');
$port = (int) substr(strrchr(stream_socket_get_name($server, false), ':'), 1);
$child = in_child(function () use ($server, $hostKey) {
    (new SmokeServer(stream_socket_accept($server, 30), $hostKey))->serve();
});

$session = ssh2_connect('127.0.0.1', $port);
check(is_resource($session), 'it connects');
$agreed = ssh2_methods_negotiated($session);
same(['curve25519-sha256', 'ssh-ed25519', 'aes256-ctr'], [$agreed['kex'], $agreed['hostkey'], $agreed['client_to_server']['crypt']], 'what was agreed');
same(sha1(SmokeServer::publicKey($hostKey)), strtolower(ssh2_fingerprint($session, SSH2_FINGERPRINT_SHA1 | SSH2_FINGERPRINT_HEX)), "the server's key");
same(false, @ssh2_auth_password($session, 'me', 'wrong'), 'a wrong password');
check(ssh2_auth_password($session, 'me', 'secret'), 'the right password');
$output = ssh2_exec($session, 'greet');
stream_set_blocking($output, true);
same("hello\n", stream_get_contents($output), 'the output of a program');
fclose($output);
check(ssh2_disconnect($session), 'it leaves');
wait_for($child, 'the server');
check(@ssh2_connect('127.0.0.1', 1) === false, 'a server that is not there');
check(in_array('ssh2.sftp', stream_get_wrappers(), true), 'files on a server are streams');
echo "ok\n";
