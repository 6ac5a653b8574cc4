<?php

function hello(array $event): string
{
    return "Hello, {$event['name']}!";
}
