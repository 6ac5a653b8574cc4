<?php
require '/var/task/lib/check.php';

check(apcu_enabled(), 'the cache is on');
check(apcu_store('key', ['a' => [1, 2, 3]]) === true, 'a value is stored');
check(apcu_fetch('key') === ['a' => [1, 2, 3]], 'and found again');
check(apcu_inc('counter', 2) === 2 && apcu_inc('counter', 3) === 5, 'a counter counts');
check(apcu_delete('key') === true && apcu_fetch('key') === false, 'a deleted value is gone');
echo "ok\n";
