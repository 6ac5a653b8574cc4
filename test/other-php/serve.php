<?php

// What bin/php of a layer has in C (recipes/php-lambda/src/function.c), as far as the PHP code of the bootstrap needs it: for
// interpreters without it. The events are the lines of /events, the answers are written to /posted.

namespace Layersmith {
    final class Context
    {
        public $awsRequestId = '';
    }
}

namespace Layersmith\Bootstrap {
    final class Posted
    {
        public static $id = null;
        public static $streamed = null;

        public static function add(string $end, string $body): void
        {
            $line = ['path' => (self::$id ?? 'init') . "/$end", 'body' => $body, 'streamed' => self::$streamed !== null];
            file_put_contents('/posted', json_encode($line) . "\n", FILE_APPEND);
            self::$id = self::$streamed = null;
        }
    }

    function open_stream(string $contentType, string $prelude): void
    {
        Posted::$streamed = $prelude;
    }

    function write_stream(string $bytes): void
    {
        Posted::$streamed .= $bytes;
    }

    function serve(string $find, string $load): void
    {
        register_shutdown_function(static function () use ($load): void {
            $load();
            if (Posted::$id !== null) {
                Posted::add('error', ending(error_get_last(), false)[1]);
            }
        });
        $handler = $find('/task');
        $load();
        foreach (file('/events') as $number => $line) {
            Posted::$id = 'id-' . ($number + 1);
            try {
                $result = $handler(json_decode($line, true), new \Layersmith\Context());
                if (is_object($result) && ($result instanceof \Generator || $result instanceof \Closure || $result instanceof \Layersmith\StreamedResponse)) {
                    send_stream($result);
                    Posted::add('response', Posted::$streamed);
                    continue;
                }
                $json = is_string($result) ? $result : json_encode($result, JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION, 2048);
                if ($json === false) {
                    encode_fault($result);
                }
                Posted::add('response', $json);
            } catch (\Throwable $error) {
                Posted::add('error', failure($error, false)[1]);
            }
        }
    }
}
