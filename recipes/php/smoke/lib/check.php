<?php

/**
 * What the smoke programs share. Any failed check, warning or exception ends the program with exit code 1 and
 * one line on stderr that says what is wrong; so does a program that hangs.
 */

error_reporting(E_ALL & ~E_DEPRECATED);
set_error_handler(function ($level, $message, $file, $line) {
    if (!(error_reporting() & $level)) {
        return false;
    }
    throw new ErrorException($message, 0, $level, $file, $line);
});
set_exception_handler(function ($problem) {
    $place = basename($problem->getFile()) . ':' . $problem->getLine();
    fwrite(STDERR, get_class($problem) . ': ' . $problem->getMessage() . " ($place)\n");
    exit(1);
});
if (function_exists('pcntl_alarm')) {
    pcntl_async_signals(true);
    pcntl_signal(SIGALRM, function () {
        fwrite(STDERR, "not finished after 60 seconds\n");
        exit(1);
    });
    pcntl_alarm(60);
}

/** Fails unless $ok. */
function check(bool $ok, string $what): void
{
    if (!$ok) {
        throw new Exception("failed: $what");
    }
}

/** Fails unless $actual is identical to $expected. */
function same($expected, $actual, string $what): void
{
    if ($actual !== $expected) {
        throw new Exception("$what: expected " . shown($expected) . ', got ' . shown($actual));
    }
}

/** $value on one line that is not too long. */
function shown($value): string
{
    $text = json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PARTIAL_OUTPUT_ON_ERROR);
    return strlen($text) > 200 ? substr($text, 0, 200) . '…' : $text;
}

/** A new folder below /tmp, the only place on Lambda that can be written to. */
function temporary_folder(): string
{
    $folder = '/tmp/smoke-' . getmypid() . '-' . bin2hex(random_bytes(4));
    mkdir($folder);
    return $folder;
}

/** Runs $work in a child process, which ends with it. Returns the child's process id. */
function in_child(callable $work): int
{
    $child = pcntl_fork();
    if ($child === 0) {
        pcntl_alarm(60);
        $work();
        exit(0);
    }
    check($child > 0, 'pcntl_fork');
    return $child;
}

/** Waits for $child and fails unless it ended with $code. */
function wait_for(int $child, string $what, int $code = 0): void
{
    same($child, pcntl_waitpid($child, $status), "$what: waitpid");
    check(pcntl_wifexited($status) && pcntl_wexitstatus($status) === $code, "$what: the child's exit code");
}
