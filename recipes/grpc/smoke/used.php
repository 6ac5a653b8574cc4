<?php
require '/var/task/lib/check.php';

$time = new Grpc\Timeval(1500000);
same(0, Grpc\Timeval::compare($time->add(new Grpc\Timeval(500000)), new Grpc\Timeval(2000000)), 'times add up');
// There is no server.
$channel = new Grpc\Channel('127.0.0.1:1', ['credentials' => Grpc\ChannelCredentials::createInsecure()]);
same('127.0.0.1:1', $channel->getTarget(), 'the server');
$call = new Grpc\Call($channel, '/service/method', Grpc\Timeval::now()->add(new Grpc\Timeval(20000000)));
$event = $call->startBatch([
    Grpc\OP_SEND_INITIAL_METADATA => [],
    Grpc\OP_SEND_MESSAGE => ['message' => 'text'],
    Grpc\OP_SEND_CLOSE_FROM_CLIENT => true,
    Grpc\OP_RECV_INITIAL_METADATA => true,
    Grpc\OP_RECV_MESSAGE => true,
    Grpc\OP_RECV_STATUS_ON_CLIENT => true,
]);
same(Grpc\STATUS_UNAVAILABLE, $event->status->code, 'a server that is not there');
$channel->close();
echo "ok\n";
