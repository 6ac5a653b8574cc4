<?php
require '/var/task/lib/check.php';

$value = ['name' => 'café', 'list' => range(1, 200), 'object' => new ArrayObject(['a' => 1])];
$packed = igbinary_serialize($value);
check(igbinary_unserialize($packed) == $value, 'a value survives');
check(strlen($packed) < strlen(serialize($value)), 'it is smaller than PHP would make it');
check(ini_get('session.serialize_handler') !== false, 'sessions are there');
echo "ok\n";
