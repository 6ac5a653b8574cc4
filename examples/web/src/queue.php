<?php

declare(strict_types=1);

/** Handles what is no HTTP request, such as the messages of a queue. */
function queue(array $event): array
{
    foreach ($event['Records'] ?? [] as $record) {
        error_log("message: {$record['body']}");
    }
    return ['batchItemFailures' => []];
}
