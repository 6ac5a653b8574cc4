<?php
require '/var/task/lib/check.php';

function busy(callable $until): void
{
    $end = microtime(true) + 30;
    while (!$until() && microtime(true) < $end) {
        for ($i = 0; $i < 1000; ++$i) {
            hash('sha256', (string) $i);
        }
    }
}

$profiler = new ExcimerProfiler();
$profiler->setPeriod(0.005);
$profiler->setEventType(EXCIMER_REAL);
$profiler->start();
busy(function () use ($profiler) {
    return count($profiler->getLog()) >= 5;
});
$profiler->stop();
$log = $profiler->flush();
check(count($log) >= 5, 'there are samples');
check(strpos($log->formatCollapsed(), 'busy') !== false, 'they name the function');

$rings = 0;
$timer = new ExcimerTimer();
$timer->setInterval(0.01);
$timer->setCallback(function () use (&$rings) {
    ++$rings;
});
$timer->start();
busy(function () use (&$rings) {
    return $rings > 0;
});
same(1, $rings, 'the timer rings once');
echo "ok\n";
