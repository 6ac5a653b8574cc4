<?php
require '/var/task/lib/check.php';

$vector = new Ds\Vector([3, 1, 2]);
$vector->push(5);
same([1, 2, 3, 5], $vector->sorted()->toArray(), 'a vector');
same([6, 2, 4, 10], $vector->map(function ($n) {
    return 2 * $n;
})->toArray(), 'a vector of doubles');
$map = new Ds\Map();
$key = new stdClass();
$map->put($key, 'of an object');
$map->put([1], 'of a list');
same(['of an object', 'of a list', null], [$map->get($key), $map[[1]], $map->get('none', null)], 'a map');
$queue = new Ds\PriorityQueue();
foreach (['low' => 1, 'high' => 9, 'middle' => 5] as $name => $priority) {
    $queue->push($name, $priority);
}
same(['high', 'middle', 'low'], [$queue->pop(), $queue->pop(), $queue->pop()], 'a queue with priorities');
same([2, 3], (new Ds\Set([1, 2, 3]))->intersect(new Ds\Set([2, 3, 4]))->toArray(), 'a set');
try {
    (new Ds\Stack())->pop();
    check(false, 'an empty stack throws');
} catch (UnderflowException $error) {
    check($error->getMessage() !== '', 'the message of an empty stack');
}
echo "ok\n";
