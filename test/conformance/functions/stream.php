<?php

// Answers that are written bit by bit.

use Layersmith\StreamedResponse;

function pieces($until, $failing)
{
    for ($n = 0; $n < $until; $n++) {
        yield "piece $n\n";
    }
    if ($failing) {
        throw new RuntimeException('in the middle');
    }
}

function stream($event, $context)
{
    switch ($event['do']) {
        case 'generator':
            return pieces(3, false);
        case 'fails at once':
            return pieces(0, true);
        case 'fails in the middle':
            return pieces(3, true);
        case 'empty':
            return pieces(0, false);
        case 'callable':
            return function ($out) {
                $out->write('written');
                $out->write(str_repeat('z', 100000));
            };
        case 'too long':
            return function ($out) {
                for ($n = 0; $n < 70; $n++) {
                    $out->write(str_repeat('z', 100000));
                }
            };
        case 'http':
            return StreamedResponse::http(pieces(1, false), 418, ['Content-Type' => 'text/plain'], ['a=b']);
        default:
            return 'not streamed';
    }
}
