<?php
require '/var/task/lib/check.php';

// A server that knows SET and GET, in a process of its own.
$server = stream_socket_server('tcp://127.0.0.1:0');
$port = (int) substr(strrchr(stream_socket_get_name($server, false), ':'), 1);
in_child(function () use ($server) {
    $client = stream_socket_accept($server, 10);
    $values = [];
    while (($line = fgets($client)) !== false) {
        $words = [];
        for ($i = (int) substr($line, 1); $i > 0; --$i) {
            $length = (int) substr(fgets($client), 1);
            $words[] = $length === 0 ? '' : stream_get_contents($client, $length);
            fgets($client);
        }
        [$command, $key, $value] = $words + [1 => '', 2 => ''];
        if (strtoupper($command) === 'SET') {
            $values[$key] = $value;
            fwrite($client, "+OK\r\n");
        } elseif (strtoupper($command) === 'GET') {
            fwrite($client, isset($values[$key]) ? '$' . strlen($values[$key]) . "\r\n{$values[$key]}\r\n" : "$-1\r\n");
        } else {
            fwrite($client, "-ERR unknown command '$command'\r\n");
        }
    }
});

$redis = new Redis();
check($redis->connect('127.0.0.1', $port, 5.0), 'it connects');
check($redis->set('key', 'value') === true && $redis->get('key') === 'value', 'a value is set and got');
check($redis->get('none') === false, 'a value that is not there is false');
$redis->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_IGBINARY);
check($redis->set('object', ['a' => [1, 2]]) && $redis->get('object') === ['a' => [1, 2]], 'igbinary packs values');
check($redis->rawCommand('FAIL') === false, 'a command that the server does not know');
check(strpos($redis->getLastError(), 'unknown command') !== false, 'the error of the server');
echo "ok\n";
