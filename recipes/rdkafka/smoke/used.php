<?php
require '/var/task/lib/check.php';

$settings = new RdKafka\Conf();
$settings->set('bootstrap.servers', '127.0.0.1:1');
$settings->set('log_level', '0');
$settings->set('compression.codec', 'zstd');
$settings->set('security.protocol', 'ssl');
same('zstd', $settings->dump()['compression.codec'], 'a setting');
$failures = [];
$settings->setErrorCb(function ($producer, $code) use (&$failures) {
    $failures[] = $code;
});
$producer = new RdKafka\Producer($settings);
$topic = $producer->newTopic('things');
$topic->produce(RD_KAFKA_PARTITION_UA, 0, 'message');
same(1, $producer->getOutQLen(), 'a message waits');
// There is no server.
for ($end = time() + 30; $failures === [] && time() < $end; ) {
    $producer->poll(100);
}
check(in_array(RD_KAFKA_RESP_ERR__TRANSPORT, $failures, true), 'a server that is not there');
$producer->purge(RD_KAFKA_PURGE_F_QUEUE);
try {
    $settings->set('no.such.setting', '1');
    check(false, 'an unknown setting throws');
} catch (RdKafka\Exception $error) {
    check(strpos($error->getMessage(), 'no.such.setting') !== false, 'which setting is unknown');
}
echo "ok\n";
