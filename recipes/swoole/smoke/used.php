<?php
require '/var/task/lib/check.php';

$order = [];
Swoole\Coroutine\run(function () use (&$order) {
    $channel = new Swoole\Coroutine\Channel(1);
    Swoole\Coroutine::create(function () use ($channel, &$order) {
        Swoole\Coroutine::sleep(0.01);
        $order[] = 'second';
        $channel->push('value');
    });
    $order[] = 'first';
    $order[] = $channel->pop(30);
});
same(['first', 'second', 'value'], $order, 'coroutines take turns');
$table = new Swoole\Table(8);
$table->column('count', Swoole\Table::TYPE_INT);
$table->create();
$table->set('key', ['count' => 1]);
same(3, $table->incr('key', 'count', 2), 'a table in shared memory');
echo "ok\n";
