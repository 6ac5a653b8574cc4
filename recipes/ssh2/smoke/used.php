<?php
require '/var/task/lib/check.php';

// A server that greets, tells its algorithms, and leaves as soon as it knows those of the client.
$server = stream_socket_server('tcp://127.0.0.1:0');
$port = (int) substr(strrchr(stream_socket_get_name($server, false), ':'), 1);
$child = in_child(function () use ($server) {
    $client = stream_socket_accept($server, 30);
    fwrite($client, "SSH-2.0-smoke\r\n");
    same(0, strpos(fgets($client), 'SSH-2.0-libssh2_1.11.'), 'the greeting of the client');
    $lists = ['curve25519-sha256', 'ssh-ed25519', 'aes256-ctr', 'aes256-ctr', 'hmac-sha2-256', 'hmac-sha2-256', 'none', 'none', '', ''];
    $body = "\x14" . random_bytes(16);
    foreach ($lists as $list) {
        $body .= pack('N', strlen($list)) . $list;
    }
    $body .= "\0" . pack('N', 0);
    $padding = 16 - (strlen($body) + 5) % 8;
    fwrite($client, pack('NC', 1 + strlen($body) + $padding, $padding) . $body . str_repeat("\0", $padding));
    $length = unpack('N', stream_get_contents($client, 4))[1];
    $packet = stream_get_contents($client, $length);
    same("\x14", $packet[1], 'the message of the client');
    $at = 18;
    $offered = [];
    for ($i = 0; $i < 8; ++$i) {
        $size = unpack('N', $packet, $at)[1];
        $offered[] = explode(',', substr($packet, $at + 4, $size));
        $at += 4 + $size;
    }
    foreach (['curve25519-sha256', 'ssh-ed25519', 'aes256-gcm@openssh.com', 'aes256-ctr', 'hmac-sha2-256', 'hmac-sha2-512'] as $i => $name) {
        check(in_array($name, $offered[$i], true), "the client offers $name");
    }
    // The client begins to agree on a key.
    stream_get_contents($client, 4);
    same(30, unpack('C', stream_get_contents($client, 2), 1)[1], 'the next message of the client');
});
same(false, @ssh2_connect('127.0.0.1', $port), 'a server that leaves');
check(strpos(error_get_last()['message'] ?? '', 'ssh2_connect') !== false, 'the message of the failure');
wait_for($child, 'the server');
same(false, @ssh2_connect('127.0.0.1', 1), 'a server that is not there');
check(in_array('ssh2.sftp', stream_get_wrappers(), true), 'files on a server are streams');
same([0, 2], [SSH2_FINGERPRINT_MD5, SSH2_FINGERPRINT_RAW], 'constants');
echo "ok\n";
