<?php

// An application that starts once and handles requests in a loop.

$answer = static function (): void {
    header_remove('X-Powered-By');
    header('Content-Type: application/json');
    echo json_encode("Hello, $_GET[name]!");
};
while (frankenphp_handle_request($answer)) {
    gc_collect_cycles();
}
