<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

/**
 * Sends a streamed result, each piece as it comes.
 *
 * @param \Generator|\Closure|\Layersmith\StreamedResponse $result
 */
function send_stream($result): void
{
    $isResponse = $result instanceof \Layersmith\StreamedResponse;
    open_stream($isResponse ? $result->contentType : 'application/octet-stream', $isResponse ? $result->prelude : '');
    $body = $isResponse ? $result->body : $result;
    if (!\is_iterable($body)) {
        $body(new \Layersmith\ResponseStream());
        return;
    }
    foreach ($body as $bytes) {
        if (!\is_scalar($bytes) && !(\is_object($bytes) && \method_exists($bytes, '__toString'))) {
            throw new EncodingError('the stream yielded ' . \gettype($bytes) . ': it must yield strings');
        }
        write_stream((string) $bytes);
    }
}
