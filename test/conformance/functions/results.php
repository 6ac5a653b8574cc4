<?php

// Gives, throws, prints and breaks what the event says.

class ForTheTests extends RuntimeException {}

function results($event, $context)
{
    static $count = 0;
    $count++;
    switch (is_array($event) ? $event['do'] ?? '' : '') {
        case 'string':
            return 'plain text, not JSON';
        case 'unicode':
            return ['text' => "žluťoučký kůň 🐎 \u{202e}\u{0} end"];
        case 'binary':
            return implode('', array_map('chr', range(0, 255)));
        case 'empty string':
            return '';
        case 'empty list':
            return [];
        case 'null':
            return null;
        case 'bool':
            return true;
        case 'float':
            return [0.1, 1e100, 1.0, -0.0];
        case 'object':
            return new ArrayObject(['a' => 1]);
        case 'long':
            return str_repeat('x', $event['length']);
        case 'long list':
            return array_fill(0, $event['length'], 'y');
        case 'bad utf-8':
            return ['a' => ['b' => "\xff"]];
        case 'infinite':
            return ['a' => INF];
        case 'recursion':
            $value = [];
            $value['self'] = &$value;
            return $value;
        case 'throw':
            throw new ForTheTests('it broke', 7, new LogicException('why it broke'));
        case 'type error':
            return strlen([]);
        case 'header-like error':
            throw new RuntimeException("line\r\nLambda-Runtime-Aws-Request-Id: x\r\n\r\nHTTP/1.1 200 OK");
        case 'print':
            echo "echoed\n";
            fwrite(STDERR, "to stderr\n");
            fwrite(STDOUT, "to stdout\n");
            error_log('to the error log');
            return 'printed';
        case 'count':
            return ['count' => $count];
        case 'sleep':
            sleep($event['seconds']);
            return 'slept';
        case 'exit':
            exit(3);
        case 'fatal':
            eval('class Twice {} class Twice {}');
            return 'not reached';
        case 'memory':
            ini_set('memory_limit', '32M');
            return strlen(str_repeat('m', 1 << 30));
        case 'kill':
            posix_kill(getmypid(), 9);
            return 'not reached';
        case 'length':
            return ['length' => strlen(json_encode($event))];
        default:
            return ['event' => $event];
    }
}
