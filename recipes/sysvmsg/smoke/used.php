<?php
require '/var/task/lib/check.php';

$key = ftok(__FILE__, 'm');
$queue = msg_get_queue($key, 0600);
check(msg_queue_exists($key), 'there is a queue');
$child = in_child(function () use ($queue) {
    check(msg_send($queue, 2, ['from' => 'the child']), 'the child sends a value');
    check(msg_send($queue, 7, 'plain', false), 'and a text');
});
check(msg_receive($queue, 7, $type, 100, $text, false), 'the text is there');
same([7, 'plain'], [$type, $text], 'the text');
check(msg_receive($queue, 0, $type, 1000, $value), 'the value is there');
same([2, ['from' => 'the child']], [$type, $value], 'the value');
wait_for($child, 'the child');
same(0, msg_stat_queue($queue)['msg_qnum'], 'no more messages');
check(!msg_receive($queue, 0, $type, 100, $none, true, MSG_IPC_NOWAIT, $error), 'nothing is received');
same(MSG_ENOMSG, $error, 'the error');
check(msg_remove_queue($queue) && !msg_queue_exists($key), 'the queue is removed');
echo "ok\n";
