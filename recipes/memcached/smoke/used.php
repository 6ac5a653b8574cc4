<?php
require '/var/task/lib/check.php';

// A server that knows a few commands of the text protocol, in a process of its own.
$server = stream_socket_server('tcp://127.0.0.1:0');
$port = (int) substr(strrchr(stream_socket_get_name($server, false), ':'), 1);
in_child(function () use ($server) {
    $client = stream_socket_accept($server, 10);
    $values = [];
    while (($line = fgets($client)) !== false) {
        $words = explode(' ', trim($line)) + [1 => ''];
        $key = $words[1];
        if ($words[0] === 'set') {
            $values[$key] = [(int) $words[2], stream_get_contents($client, (int) $words[4])];
            fgets($client);
            fwrite($client, "STORED\r\n");
        } elseif ($words[0] === 'get' || $words[0] === 'gets') {
            foreach (array_slice($words, 1) as $wanted) {
                if (isset($values[$wanted])) {
                    [$flags, $data] = $values[$wanted];
                    fwrite($client, "VALUE $wanted $flags " . strlen($data) . "\r\n$data\r\n");
                }
            }
            fwrite($client, "END\r\n");
        } elseif ($words[0] === 'incr' && isset($values[$key])) {
            $values[$key][1] = (string) ($values[$key][1] + $words[2]);
            fwrite($client, "{$values[$key][1]}\r\n");
        } elseif ($words[0] === 'delete') {
            fwrite($client, isset($values[$key]) ? "DELETED\r\n" : "NOT_FOUND\r\n");
            unset($values[$key]);
        } else {
            fwrite($client, "ERROR\r\n");
        }
    }
});

$cache = new Memcached();
check($cache->addServer('127.0.0.1', $port), 'a server is added');
check($cache->set('key', 'value'), 'a value is set: ' . $cache->getResultMessage());
same('value', $cache->get('key'), 'a value');
same(false, $cache->get('none'), 'a value that is not there');
same(Memcached::RES_NOTFOUND, $cache->getResultCode(), 'why it is not there');

check(Memcached::HAVE_IGBINARY && !Memcached::HAVE_SASL, 'what it was compiled with');
same(Memcached::SERIALIZER_IGBINARY, $cache->getOption(Memcached::OPT_SERIALIZER), 'igbinary packs values');
check($cache->set('list', ['a' => [1, 2.5, true, null]]), 'an array is set');
same(['a' => [1, 2.5, true, null]], $cache->get('list'), 'an array');
foreach ([Memcached::COMPRESSION_FASTLZ, Memcached::COMPRESSION_ZLIB] as $compression) {
    $cache->setOption(Memcached::OPT_COMPRESSION_TYPE, $compression);
    $long = str_repeat("a long text, $compression; ", 1000);
    check($cache->set('long', $long), 'a long text is set');
    same($long, $cache->get('long'), 'a long text');
}

check($cache->set('counter', 5), 'a number is set');
same(8, $cache->increment('counter', 3), 'a number is incremented');
same(['key' => 'value', 'counter' => 8], $cache->getMulti(['key', 'counter', 'none']), 'many values');
check($cache->delete('key') && $cache->get('key') === false, 'a deleted value is gone');
echo "ok\n";
