<?php

// php run.php NAME ROUNDS: repeats one of the scripts beside this one, and prints a checksum of its results.

error_reporting(E_ALL & ~E_DEPRECATED);
$work = require __DIR__ . '/' . $argv[1] . '.php';
$sum = '';
for ($round = 0; $round < (int) $argv[2]; $round++) {
    $sum = md5($sum . $work($round));
}
echo $sum, "\n";
