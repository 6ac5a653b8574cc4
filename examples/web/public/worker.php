<?php

declare(strict_types=1);

// Worker mode: what is above the loop happens once, when Lambda starts the function.

$started = microtime(true);
$answers = 0;

while (frankenphp_handle_request(static function () use ($started, &$answers): void {
    header('Content-Type: application/json');
    echo json_encode([
        'hello' => $_GET['name'] ?? 'World',
        'answers' => ++$answers,
        'seconds since the start' => round(microtime(true) - $started, 3),
    ]), "\n";
})) {
    gc_collect_cycles();
}
