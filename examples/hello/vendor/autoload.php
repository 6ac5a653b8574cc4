<?php

// Stands in for the autoloader that Composer generates. Written by hand, so that the example does not need Composer.
spl_autoload_register(static function (string $class): void {
    $prefix = 'Example\\Greeting\\';
    if (strpos($class, $prefix) === 0) {
        require __DIR__ . '/example/greeting/src/' . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
    }
});
