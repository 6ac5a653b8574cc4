<?php

use Example\Greeting\Greeting;
use Layersmith\Context;

function goodbye(array $event, Context $context): array
{
    return [
        'message' => (new Greeting('Goodbye'))->to($event['name'] ?? 'World'),
        'requestId' => $context->awsRequestId,
    ];
}
