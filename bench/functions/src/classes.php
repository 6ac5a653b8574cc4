<?php

// Loads every class that bench/function-of-classes.ts generates, as an application with a dependency container does at init.

spl_autoload_register(static function (string $class): void {
    $file = '/var/task/app/' . str_replace('\\', '/', $class) . '.php';
    if (is_file($file)) {
        require $file;
    }
});

$services = [];
foreach (require '/var/task/app/classes.php' as $class) {
    $services[] = new $class('first');
}

function classes(array $event): array
{
    global $services;
    $sum = 0;
    foreach ($services as $service) {
        $sum += $service->score($event['name']);
    }
    return ['services' => count($services), 'sum' => $sum];
}
