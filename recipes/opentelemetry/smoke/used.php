<?php
require '/var/task/lib/check.php';

function added(int $a, int $b): int
{
    return $a + $b;
}

$seen = [];
check(OpenTelemetry\Instrumentation\hook(
    null,
    'added',
    function ($object, array $arguments, ?string $class, string $function) use (&$seen) {
        $seen[] = [$function, $arguments];
    },
    function ($object, array $arguments, $result) use (&$seen) {
        $seen[] = $result;
    }
), 'a function is observed');
same(5, added(2, 3), 'its result');
same([['added', [2, 3]], 5], $seen, 'what the observer saw');
echo "ok\n";
