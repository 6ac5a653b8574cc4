<?php
require '/var/task/lib/check.php';

$key = ftok(__FILE__, 'h');
$memory = shm_attach($key, 10000, 0600);
check(shm_put_var($memory, 1, ['a' => [1, 2, 3]]), 'a variable is put');
wait_for(in_child(function () use ($key) {
    $same = shm_attach($key);
    same(['a' => [1, 2, 3]], shm_get_var($same, 1), 'the variable in the child');
    check(shm_put_var($same, 2, 'from the child'), 'another is put');
}), 'the child');
same('from the child', shm_get_var($memory, 2), "the child's variable");
check(shm_remove_var($memory, 1) && !shm_has_var($memory, 1), 'a removed variable is gone');
check(shm_remove($memory), 'the memory is removed');
echo "ok\n";
