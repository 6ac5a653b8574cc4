<?php

use Example\Greeting\Greeting;

function hello(array $event): string
{
    return (new Greeting('Hello'))->to($event['name'] ?? 'World');
}
