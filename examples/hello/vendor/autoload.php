<?php

// What Composer writes here does the same, and more. This one is made by hand, so that the example needs no Composer.
spl_autoload_register(static function (string $class): void {
    $prefix = 'Example\\Greeting\\';
    if (strpos($class, $prefix) === 0) {
        require __DIR__ . '/example/greeting/src/' . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
    }
});
