<?php

/** Returns the event's data in another form; fails if the event says so. */
function varied(array $event): array
{
    if ($event['fail']) {
        throw new RuntimeException('asked to fail');
    }
    return ['n' => $event['n'], 'length' => strlen($event['pad']), 'pad' => strrev($event['pad'])];
}
