<?php

declare(strict_types=1);

namespace Layersmith;

/** Information about an invocation. Handlers receive it as their second argument. */
final class Context implements \JsonSerializable
{
    /** @var string */
    public $awsRequestId = '';
    /** @var string */
    public $invokedFunctionArn = '';
    /** @var int when Lambda stops the invocation, in milliseconds since 1970 */
    public $deadlineMs = 0;
    /** @var string|null for X-Ray */
    public $traceId;
    /** @var array<mixed>|null from the caller */
    public $clientContext;
    /** @var array<mixed>|null from Amazon Cognito */
    public $identity;
    /** @var string|null */
    public $tenantId;
    /** @var string */
    public $functionName;
    /** @var string */
    public $functionVersion;
    /** @var int */
    public $memoryLimitInMB;
    /** @var string */
    public $logGroupName;
    /** @var string */
    public $logStreamName;

    public function __construct()
    {
        $this->functionName = (string) \getenv('AWS_LAMBDA_FUNCTION_NAME');
        $this->functionVersion = (string) \getenv('AWS_LAMBDA_FUNCTION_VERSION');
        $this->memoryLimitInMB = (int) \getenv('AWS_LAMBDA_FUNCTION_MEMORY_SIZE');
        $this->logGroupName = (string) \getenv('AWS_LAMBDA_LOG_GROUP_NAME');
        $this->logStreamName = (string) \getenv('AWS_LAMBDA_LOG_STREAM_NAME');
    }

    /** Milliseconds until Lambda stops the invocation; 0 after the deadline. */
    public function getRemainingTimeInMillis(): int
    {
        return \max(0, $this->deadlineMs - (int) (\microtime(true) * 1000));
    }

    public function jsonSerialize(): array
    {
        return \get_object_vars($this);
    }
}

/** Writes a streamed response. Each piece is sent immediately. */
final class ResponseStream
{
    private $send;

    /** @internal */
    public function __construct(\Closure $send)
    {
        $this->send = $send;
    }

    public function write(string $bytes): void
    {
        ($this->send)($bytes);
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
