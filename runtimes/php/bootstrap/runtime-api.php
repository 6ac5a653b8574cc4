<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

/** Thrown if the connection was closed or timed out, or the response is not valid HTTP. */
class ConnectionLost extends \Exception
{
}

/** Thrown if nothing listens at the address of the Runtime API. */
final class NoConnection extends ConnectionLost
{
}

/**
 * An HTTP/1.1 client that keeps one connection open. It waits without limit for the first byte of a response, because the next
 * event may arrive hours later, and READ_TIMEOUT_SECONDS for each further byte.
 */
final class RuntimeApi
{
    private $address;
    private $socket = null;
    /** Received bytes that have not been parsed. */
    private $buffer = '';
    private $ignoreErrors;

    public function __construct(string $address)
    {
        $this->address = $address;
        // Keep warnings about the socket away from the function's error handler.
        $this->ignoreErrors = static function () {
            return true;
        };
    }

    /**
     * Sends a request and reads the response. Reconnects once if the API closed the idle connection.
     *
     * @return array{0: int, 1: array<string, string>, 2: string} status, headers by lower-case name, body
     */
    public function call(string $method, string $path, string $headers = '', ?string $body = null): array
    {
        $head = $method . ' ' . RUNTIME_API_PATH . $path . " HTTP/1.1\r\nHost: " . $this->address . "\r\n" . $headers;
        if ($body !== null) {
            $head .= 'Content-Length: ' . \strlen($body) . "\r\n";
        }
        \set_error_handler($this->ignoreErrors);
        try {
            $fresh = $this->socket === null;
            try {
                return $this->exchange($head . "\r\n", $body);
            } catch (ConnectionLost $lost) {
                if ($fresh || $lost->getCode() !== 0) {
                    throw $lost;
                }
                $this->disconnect();
                return $this->exchange($head . "\r\n", $body);
            }
        } catch (ConnectionLost $lost) {
            $this->disconnect();
            throw $lost;
        } finally {
            \restore_error_handler();
        }
    }

    /** Starts a request whose body is sent with chunk() and completed with end(). */
    public function begin(string $path, string $headers): void
    {
        \set_error_handler($this->ignoreErrors);
        try {
            $this->connect();
            $this->write('POST ' . RUNTIME_API_PATH . $path . " HTTP/1.1\r\nHost: " . $this->address . "\r\n" . $headers
                . "Transfer-Encoding: chunked\r\n\r\n");
        } catch (ConnectionLost $lost) {
            $this->disconnect();
            throw $lost;
        } finally {
            \restore_error_handler();
        }
    }

    public function chunk(string $bytes): void
    {
        \set_error_handler($this->ignoreErrors);
        try {
            $this->write(\dechex(\strlen($bytes)) . "\r\n" . $bytes . "\r\n");
        } catch (ConnectionLost $lost) {
            $this->disconnect();
            throw $lost;
        } finally {
            \restore_error_handler();
        }
    }

    /** Ends a request of begin(). @return array{0: int, 1: array<string, string>, 2: string} the same as call() */
    public function end(string $trailers = ''): array
    {
        \set_error_handler($this->ignoreErrors);
        try {
            $this->write("0\r\n" . $trailers . "\r\n");
            return $this->readResponse();
        } catch (ConnectionLost $lost) {
            $this->disconnect();
            throw $lost;
        } finally {
            \restore_error_handler();
        }
    }

    /** Throws ConnectionLost with code 0 if no byte of a response arrived, so that the request may be sent again. */
    private function exchange(string $head, ?string $body): array
    {
        $this->connect();
        if ($body !== null && \strlen($body) <= 65536) {
            $head .= $body;
            $body = null;
        }
        $this->write($head);
        if ($body !== null) {
            $this->write($body);
        }
        return $this->readResponse();
    }

    /** @return array{0: int, 1: array<string, string>, 2: string} */
    private function readResponse(): array
    {
        do {
            [$status, $headers] = $this->readHead();
        } while ($status < 200);
        $body = $this->readBody($status, $headers);
        // Bytes after the response would be mistaken for the start of the next one.
        if ($this->buffer !== '' || \stripos($headers['connection'] ?? '', 'close') !== false) {
            $this->disconnect();
        }
        return [$status, $headers, $body];
    }

    private function connect(): void
    {
        if ($this->socket !== null) {
            return;
        }
        $context = \stream_context_create(['socket' => ['tcp_nodelay' => true]]);
        $socket = \stream_socket_client('tcp://' . $this->address, $number, $reason, 10, STREAM_CLIENT_CONNECT, $context);
        if ($socket === false) {
            throw new NoConnection('no connection to the Runtime API at ' . $this->address . ': ' . $reason);
        }
        \stream_set_timeout($socket, READ_TIMEOUT_SECONDS);
        \stream_set_chunk_size($socket, 65536);
        $this->socket = $socket;
        $this->buffer = '';
    }

    private function disconnect(): void
    {
        if ($this->socket !== null) {
            \fclose($this->socket);
        }
        $this->socket = null;
        $this->buffer = '';
    }

    private function write(string $bytes): void
    {
        if ($this->socket === null) {
            throw new ConnectionLost('the Runtime API closed the connection');
        }
        for ($at = 0, $length = \strlen($bytes); $at < $length; $at += $written) {
            $written = \fwrite($this->socket, $at === 0 ? $bytes : \substr($bytes, $at, 65536));
            if ($written === false || $written === 0) {
                // A client that reads a streamed response slowly is not an error.
                if (\stream_get_meta_data($this->socket)['timed_out']) {
                    $written = 0;
                    continue;
                }
                throw new ConnectionLost('the Runtime API closed the connection');
            }
        }
    }

    /** Reads at least one byte, without a time limit if $started is false. */
    private function receive(bool $started): string
    {
        while (true) {
            $bytes = \fread($this->socket, 65536);
            if ($bytes !== false && $bytes !== '') {
                return $bytes;
            }
            if (\feof($this->socket)) {
                throw new ConnectionLost('the Runtime API closed the connection', $started ? 1 : 0);
            }
            if ($started) {
                throw $this->invalid('timed out in the middle of it');
            }
        }
    }

    private function invalid(string $why): ConnectionLost
    {
        return new ConnectionLost('invalid response from the Runtime API: ' . $why, 1);
    }

    /** @return array{0: int, 1: array<string, string>} status, and headers by lower-case name */
    private function readHead(): array
    {
        for ($from = 0; ($end = \strpos($this->buffer, "\r\n\r\n", $from)) === false;) {
            $from = \max(0, \strlen($this->buffer) - 3);
            if ($from > MAX_HEAD_BYTES) {
                throw $this->invalid('its head is too large');
            }
            // A peer that does not speak HTTP may never send the empty line that ends a head.
            if ($from > 4 && \strncmp($this->buffer, 'HTTP/1.', 7) !== 0) {
                break;
            }
            $this->buffer .= $this->receive($this->buffer !== '');
        }
        $head = $end === false ? $this->buffer : \substr($this->buffer, 0, $end);
        $status = (string) \substr($head, 9, 3);
        if (\strncmp($head, 'HTTP/1.', 7) !== 0 || \preg_match('~^[1-5]\d\d$~D', $status) !== 1 || \strpos($head, "\0") !== false) {
            throw $this->invalid('it begins with ' . \substr($head, 0, 40));
        }
        $this->buffer = (string) \substr($this->buffer, $end + 4);
        $headers = [];
        foreach (\explode("\r\n", $head) as $line) {
            $colon = \strpos($line, ':');
            if ($colon !== false) {
                $headers[\strtolower(\substr($line, 0, $colon))] = \trim(\substr($line, $colon + 1));
            }
        }
        return [(int) $status, $headers];
    }

    /** @param array<string, string> $headers */
    private function readBody(int $status, array $headers): string
    {
        if ($status === 204 || $status === 304) {
            return '';
        }
        if (\stripos($headers['transfer-encoding'] ?? '', 'chunked') !== false) {
            return $this->readChunks();
        }
        if (isset($headers['content-length'])) {
            $length = $headers['content-length'];
            if (!\ctype_digit($length) || \strlen($length) > 9 || (int) $length > MAX_BODY_BYTES) {
                throw $this->invalid('its length is ' . $length);
            }
            return $this->readBytes((int) $length);
        }
        try {
            while (\strlen($this->buffer) <= MAX_BODY_BYTES) {
                $this->buffer .= $this->receive(true);
            }
        } catch (ConnectionLost $end) {
            if (!\feof($this->socket)) {
                throw $end;
            }
            $body = $this->buffer;
            $this->disconnect();
            return $body;
        }
        throw $this->invalid('its body is too large');
    }

    /** Reads $count bytes, first from the buffer. */
    private function readBytes(int $count): string
    {
        while (\strlen($this->buffer) < $count) {
            $this->buffer .= $this->receive(true);
        }
        if (\strlen($this->buffer) === $count) {
            $bytes = $this->buffer;
            $this->buffer = '';
            return $bytes;
        }
        $bytes = \substr($this->buffer, 0, $count);
        $this->buffer = (string) \substr($this->buffer, $count);
        return $bytes;
    }

    private function readLine(): string
    {
        while (($end = \strpos($this->buffer, "\n")) === false) {
            if (\strlen($this->buffer) > 8192) {
                throw $this->invalid('a line is too long');
            }
            $this->buffer .= $this->receive(true);
        }
        return \rtrim($this->readBytes($end + 1), "\r\n");
    }

    private function readChunks(): string
    {
        $body = '';
        while (true) {
            $line = $this->readLine();
            $size = \substr($line, 0, \strspn($line, '0123456789abcdefABCDEF'));
            if ($size === '' || \strlen($size) > 7) {
                throw $this->invalid('the size of a chunk is ' . \substr($line, 0, 40));
            }
            if (\hexdec($size) === 0) {
                break;
            }
            $body .= $this->readBytes((int) \hexdec($size));
            if (\strlen($body) > MAX_BODY_BYTES) {
                throw $this->invalid('its body is too large');
            }
            $this->readLine();
        }
        for ($count = 0; $this->readLine() !== ''; $count++) {
            if ($count > 1000) {
                throw $this->invalid('too many trailers');
            }
        }
        return $body;
    }
}
