<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

use Throwable;

/** Process state that a function may change. It is saved at the end of init, as frameworks install their handlers in init. */
final class State
{
    private $errorHandler;
    private $exceptionHandler;
    private $errorReporting;
    private $folder;
    private $umask;
    private $timezone;
    private $timeLimit;
    private $server;
    private $env;
    private $libxml;

    public function __construct()
    {
        $this->errorHandler = $this->currentErrorHandler();
        $this->exceptionHandler = $this->currentExceptionHandler();
        $this->errorReporting = \error_reporting();
        $this->folder = \getcwd();
        $this->umask = \umask();
        $this->timezone = \date_default_timezone_get();
        $this->timeLimit = (int) \ini_get('max_execution_time');
        $this->server = $_SERVER;
        $this->env = $_ENV;
        $this->libxml = \function_exists('libxml_use_internal_errors') ? \libxml_use_internal_errors() : null;
    }

    /** CPU seconds allowed for an invocation: max_execution_time; 0 means no limit. */
    public function timeLimit(): int
    {
        return $this->timeLimit;
    }

    /** Restores the state that an invocation changed. */
    public function restore(): void
    {
        if ((int) \ini_get('max_execution_time') !== 0) {
            \set_time_limit(0);
        }
        // Ignore warnings: the function's error handler may turn them into exceptions.
        \set_error_handler(static function () {
            return true;
        });
        try {
            $this->restoreAll();
        } catch (Throwable $error) {
            log_line('cleaning up after the invocation: ' . $error->getMessage());
        }
        \restore_error_handler();
        for ($count = 0; $count < 50 && $this->currentErrorHandler() !== $this->errorHandler; $count++) {
            $this->currentErrorHandler() === null ? \set_error_handler($this->errorHandler) : \restore_error_handler();
        }
        for ($count = 0; $count < 50 && $this->currentExceptionHandler() !== $this->exceptionHandler; $count++) {
            $this->currentExceptionHandler() === null
                ? \set_exception_handler($this->exceptionHandler)
                : \restore_exception_handler();
        }
    }

    private function restoreAll(): void
    {
        flush_buffers();
        if (\error_reporting() !== $this->errorReporting) {
            \error_reporting($this->errorReporting);
        }
        if (\getcwd() !== $this->folder) {
            \chdir($this->folder);
        }
        \umask($this->umask);
        if (\date_default_timezone_get() !== $this->timezone) {
            \date_default_timezone_set($this->timezone);
        }
        if ($this->libxml !== null) {
            \libxml_use_internal_errors($this->libxml);
            \libxml_clear_errors();
        }
        if (\function_exists('pcntl_alarm')) {
            \pcntl_alarm(0);
        }
        $_SERVER = $this->server;
        $_ENV = $this->env;
        $_GET = $_POST = $_COOKIE = $_FILES = $_REQUEST = [];
        \header_remove();
        if (\function_exists('session_status') && \session_status() === PHP_SESSION_ACTIVE) {
            \session_write_close();
            \session_id('');
            $_SESSION = [];
        }
    }

    private function currentErrorHandler()
    {
        $current = \set_error_handler('strlen');
        \restore_error_handler();
        return $current;
    }

    private function currentExceptionHandler()
    {
        $current = \set_exception_handler('strlen');
        \restore_exception_handler();
        return $current;
    }
}

/** Flushes the output buffers that the function left open, and directs all output to the log. */
function flush_buffers(): void
{
    for ($level = \ob_get_level(); $level > 1; $level = \min($level - 1, \ob_get_level())) {
        try {
            \ob_end_flush();
        } catch (Throwable $error) {
            log_line('an output buffer failed: ' . $error->getMessage());
        }
    }
    if (\ob_get_level() === 0) {
        \ob_start(static function (string $printed): string {
            log_text($printed);
            return '';
        }, 1);
    }
}

/** Memory that memory_limit does not include, in MB: the program, its libraries, the bootstrap. */
const MEMORY_FOR_PHP = 32;

/** Sets a memory limit below the function's. PHP reports where it was exceeded; the kernel would only kill the process. */
function limit_memory(): void
{
    $available = (int) \getenv('AWS_LAMBDA_FUNCTION_MEMORY_SIZE');
    if (\ini_get('memory_limit') === '-1' && $available > 2 * MEMORY_FOR_PHP) {
        \ini_set('memory_limit', ($available - MEMORY_FOR_PHP) . 'M');
    }
}
