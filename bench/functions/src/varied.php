<?php

/** Answers with what it got, in another form; fails when it is told to. */
function varied(array $event): array
{
    if ($event['fail']) {
        throw new RuntimeException('asked to fail');
    }
    return ['n' => $event['n'], 'length' => strlen($event['pad']), 'pad' => strrev($event['pad'])];
}
