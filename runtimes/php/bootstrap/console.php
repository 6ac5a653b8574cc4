<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

/**
 * Creates the handler of console mode: an event is a command of the script that _HANDLER names, such as `artisan`. The event is the
 * arguments as one string, which a shell splits, or as a list of strings.
 */
function console_handler(string $root): \Closure
{
    $name = (string) \getenv('_HANDLER');
    $script = "$root/$name";
    if ($name === '' || \in_array('..', \explode('/', $name), true) || !\is_file($script)) {
        $message = "handler $name: name the script that runs commands, such as artisan or bin/console; there is no file $script";
        throw new BadHandler('Runtime.HandlerNotFound', $message);
    }
    return static function ($event) use ($script): array {
        return run_command('exec ' . \escapeshellarg(PHP_PROGRAM) . ' ' . \escapeshellarg($script) . ' ' . arguments_of($event) . ' 2>&1');
    };
}

/** @param mixed $event */
function arguments_of($event): string
{
    if (\is_string($event)) {
        return $event;
    }
    if (!\is_array($event) || \array_values($event) !== $event || \array_filter($event, 'is_string') !== $event) {
        throw new \InvalidArgumentException('an event of console mode is a string of arguments, or a list of strings');
    }
    return \implode(' ', \array_map('escapeshellarg', $event));
}

/** Runs a command, whose output also goes to the log. @return array{exitCode: int, output: string} */
function run_command(string $command): array
{
    $process = \proc_open($command, [['file', '/dev/null', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes);
    if ($process === false) {
        throw new \RuntimeException('the command cannot be started');
    }
    $output = '';
    while (($bytes = \fread($pipes[1], 65536)) !== false && $bytes !== '') {
        log_text($bytes);
        $output .= $bytes;
    }
    // The result is JSON: bytes that are not UTF-8 are replaced.
    $text = \json_decode((string) \json_encode($output, JSON_INVALID_UTF8_SUBSTITUTE));
    return ['exitCode' => \proc_close($process), 'output' => $text];
}
