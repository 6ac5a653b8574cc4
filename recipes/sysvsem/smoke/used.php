<?php
require '/var/task/lib/check.php';

$semaphore = sem_get(ftok(__FILE__, 'e'), 1, 0600, 1);
check(sem_acquire($semaphore), 'it is acquired');
$ask = function () use ($semaphore) {
    exit(sem_acquire($semaphore, true) ? 0 : 3);
};
wait_for(in_child($ask), 'a child while it is held', 3);
check(sem_release($semaphore), 'it is released');
wait_for(in_child($ask), 'a child while it is free');
check(sem_acquire($semaphore, true), 'it is free once the child has ended');
check(sem_remove($semaphore), 'it is removed');
echo "ok\n";
