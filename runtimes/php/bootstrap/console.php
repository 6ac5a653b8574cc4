<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

/**
 * Creates the handler of console mode: an event is a command of the script that _HANDLER names, such as `artisan`. The event is the
 * arguments as one string, which is split at spaces outside of quotes, or as a list of strings. No shell is involved.
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
        return run_command(\array_merge([PHP_PROGRAM, $script], arguments_of($event)));
    };
}

/** @param mixed $event @return string[] */
function arguments_of($event): array
{
    if (\is_string($event)) {
        return split_arguments($event);
    }
    if (!\is_array($event) || \array_values($event) !== $event || \array_filter($event, 'is_string') !== $event) {
        throw new \InvalidArgumentException('an event of console mode is a string of arguments, or a list of strings');
    }
    return $event;
}

/** Splits a command line as a shell does, with quotes and backslashes, but without expansions. @return string[] */
function split_arguments(string $line): array
{
    \preg_match_all('~(?:[^\s"\'\\\\]+|"(?:[^"\\\\]|\\\\.)*"|\'[^\']*\'|\\\\.)+~s', $line, $words);
    return \array_map(static function (string $word): string {
        return (string) \preg_replace_callback('~"((?:[^"\\\\]|\\\\.)*)"|\'([^\']*)\'|\\\\(.)~s', static function (array $part): string {
            return isset($part[3]) ? $part[3] : (isset($part[2]) ? $part[2] : \preg_replace('~\\\\(["\\\\$`])~', '$1', $part[1]));
        }, $word);
    }, $words[0]);
}

/**
 * Runs a command, whose output also goes to the log.
 *
 * @param string[] $command
 * @return array{exitCode: int, output: string}
 */
function run_command(array $command): array
{
    // PHP 7.3 has only a shell for it.
    $isOld = \PHP_VERSION_ID < 70400;
    $line = $isOld ? 'exec ' . \implode(' ', \array_map('escapeshellarg', $command)) . ' 2>&1' : $command;
    $process = \proc_open($line, [['file', '/dev/null', 'r'], ['pipe', 'w'], $isOld ? ['pipe', 'w'] : ['redirect', 1]], $pipes);
    if ($process === false) {
        throw new \RuntimeException('the command cannot be started');
    }
    $output = '';
    while (($bytes = \fread($pipes[1], 65536)) !== false && $bytes !== '') {
        \fwrite(STDERR, $bytes);
        $output .= $bytes;
    }
    // The result is JSON: bytes that are not UTF-8 are replaced.
    $text = \json_decode((string) \json_encode($output, JSON_INVALID_UTF8_SUBSTITUTE));
    return ['exitCode' => \proc_close($process), 'output' => $text];
}
