<?php
require '/var/task/lib/check.php';

$base = new EventBase();
$rings = 0;
$timer = Event::timer($base, function () use (&$rings, &$timer) {
    if (++$rings < 3) {
        $timer->add(0.01);
    }
});
$timer->add(0.01);
[$one, $other] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
$read = '';
$event = new Event($base, $other, Event::READ, function ($socket) use (&$read) {
    $read = fread($socket, 100);
});
$event->add();
fwrite($one, 'text');
$base->loop();
same([3, 'text'], [$rings, $read], 'a timer, and a socket');
$buffer = new EventBuffer();
$buffer->add("a line\nand more");
same('a line', $buffer->readLine(EventBuffer::EOL_LF), 'a line of a buffer');
check(class_exists(EventSslContext::class), 'TLS');
echo "ok\n";
