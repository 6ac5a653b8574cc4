<?php
require '/var/task/lib/check.php';

$key = ftok(__FILE__, 's');
check($key > 0, 'a key');
$memory = shmop_open($key, 'c', 0600, 100);
same(100, shmop_size($memory), 'its size');
wait_for(in_child(function () use ($key) {
    $same = shmop_open($key, 'w', 0, 0);
    same(5, shmop_write($same, 'child', 10), 'the bytes that the child writes');
}), 'the child');
same("\0child\0", shmop_read($memory, 9, 7), 'what the child has written');
check(shmop_delete($memory), 'it is deleted');
check(@shmop_open($key, 'a', 0, 0) === false, 'and cannot be opened any more');
echo "ok\n";
