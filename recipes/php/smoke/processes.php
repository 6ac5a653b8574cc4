<?php

// pcntl and posix: processes, signals, and PHP started by PHP.
require __DIR__ . '/lib/check.php';

$child = in_child(function () {
    exit(7);
});
wait_for($child, 'a child', 7);

$got = 0;
pcntl_signal(SIGUSR1, function ($signal) use (&$got) {
    $got = $signal;
});
check(posix_kill(posix_getpid(), SIGUSR1), 'posix_kill');
usleep(1000);
same(SIGUSR1, $got, 'the signal that arrived');
same(getmypid(), posix_getpid(), 'posix_getpid');
check(posix_getppid() >= 0 && posix_getuid() === getmyuid() || posix_getuid() > 0, 'posix_getuid');
check(posix_getrlimit()['soft openfiles'] > 0, 'posix_getrlimit');

// No shell stands between: Lambda's images have one, the smallest need not.
$pipes = [];
if (PHP_VERSION_ID >= 70400) {
    $process = proc_open([PHP_BINARY, '-n', '-r', 'echo strrev(fgets(STDIN));'], [['pipe', 'r'], ['pipe', 'w']], $pipes);
    fwrite($pipes[0], 'PHP');
    fclose($pipes[0]);
    same('PHP', stream_get_contents($pipes[1]), 'what PHP started by PHP says');
    same(0, proc_close($process), 'its exit code');
}
same('/opt/bin/php', PHP_BINARY, 'where PHP is');

$child = in_child(function () {
    pcntl_exec(PHP_BINARY, ['-n', '-r', 'exit((int) getenv("CODE"));'], ['CODE' => '9']);
});
wait_for($child, 'pcntl_exec', 9);

echo "ok\n";
