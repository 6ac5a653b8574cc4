<?php

declare(strict_types=1);

namespace Layersmith;

/** Writes a streamed response. Each piece is sent immediately. */
final class ResponseStream
{
    public function write(string $bytes): void
    {
        Bootstrap\write_stream($bytes);
    }
}

/**
 * A streamed response with a content type. The body is an iterable of strings, or a callable that receives
 * a ResponseStream.
 */
final class StreamedResponse
{
    /** @internal */
    public $body;
    /** @internal */
    public $contentType;
    /** @internal */
    public $prelude = '';

    public function __construct($body, string $contentType = 'application/octet-stream')
    {
        if (!\is_iterable($body) && !\is_callable($body)) {
            throw new \InvalidArgumentException('the body of a StreamedResponse is an iterable or a callable');
        }
        if (\preg_match('~[^\x20-\x7e]~', $contentType) === 1) {
            throw new \InvalidArgumentException('a content type is one line of ASCII');
        }
        $this->body = $body;
        $this->contentType = $contentType;
    }

    /** A response to a function URL, with status, headers (one value each) and cookies. */
    public static function http($body, int $statusCode = 200, array $headers = [], array $cookies = []): self
    {
        $response = new self($body, 'application/vnd.awslambda.http-integration-response');
        $prelude = ['statusCode' => $statusCode, 'headers' => (object) $headers];
        if ($cookies !== []) {
            $prelude['cookies'] = \array_values($cookies);
        }
        $response->prelude = \json_encode($prelude, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR) . \str_repeat("\0", 8);
        return $response;
    }
}
