/** The client of the Runtime API: HTTP/1.1 over one raw connection that is kept open. */
export const RUNTIME_API = String.raw`/** The connection ended, cannot be made, or what came over it is not HTTP. */
class ConnectionLost extends \Exception
{
}

/** Nobody listens. */
final class NoConnection extends ConnectionLost
{
}

/** HTTP/1.1 over one connection, kept open. An event may take hours to come; what has begun to come may not. */
final class RuntimeApi
{
    private const PATH = '/2018-06-01/runtime/';
    private const BIGGEST_HEAD = 1048576;
    private const BIGGEST_BODY = 67108864;
    /** Seconds of silence in the middle of an answer. */
    private const PATIENCE = 5;

    private $address;
    private $socket = null;
    /** Received and not read yet. */
    private $buffer = '';
    private $swallow;

    public function __construct(string $address)
    {
        $this->address = $address;
        // The function's own error handler is not asked about our socket.
        $this->swallow = static function () {
            return true;
        };
    }

    /**
     * One request. A connection that the API closed since the last one is opened again, once.
     *
     * @return array{0: int, 1: array<string, string>, 2: string} status, headers by lower-case name, body
     */
    public function call(string $method, string $path, string $headers = '', ?string $body = null): array
    {
        $head = $method . ' ' . self::PATH . $path . " HTTP/1.1\r\nHost: " . $this->address . "\r\n" . $headers;
        if ($body !== null) {
            $head .= 'Content-Length: ' . \strlen($body) . "\r\n";
        }
        \set_error_handler($this->swallow);
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

    /** A request whose body follows in chunks, and ends with trailers. */
    public function begin(string $path, string $headers): void
    {
        \set_error_handler($this->swallow);
        try {
            $this->connect();
            $this->write('POST ' . self::PATH . $path . " HTTP/1.1\r\nHost: " . $this->address . "\r\n" . $headers
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
        \set_error_handler($this->swallow);
        try {
            $this->write(\dechex(\strlen($bytes)) . "\r\n" . $bytes . "\r\n");
        } catch (ConnectionLost $lost) {
            $this->disconnect();
            throw $lost;
        } finally {
            \restore_error_handler();
        }
    }

    /** @return array{0: int, 1: array<string, string>, 2: string} as call() */
    public function end(string $trailers = ''): array
    {
        \set_error_handler($this->swallow);
        try {
            $this->write("0\r\n" . $trailers . "\r\n");
            return $this->answer();
        } catch (ConnectionLost $lost) {
            $this->disconnect();
            throw $lost;
        } finally {
            \restore_error_handler();
        }
    }

    /** A ConnectionLost with code 0: not a byte of an answer came, so the request may be made again. */
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
        return $this->answer();
    }

    private function answer(): array
    {
        do {
            [$status, $headers] = $this->readHead();
        } while ($status < 200);
        $body = $this->readBody($status, $headers);
        // Bytes that nobody asked for: what would come next could not be told from them.
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
        \stream_set_timeout($socket, self::PATIENCE);
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
                // Who reads a streamed answer may be slow.
                if (\stream_get_meta_data($this->socket)['timed_out']) {
                    $written = 0;
                    continue;
                }
                throw new ConnectionLost('the Runtime API closed the connection');
            }
        }
    }

    /** What comes next. Waits for the first byte of an answer as long as it takes. */
    private function receive(bool $begun): string
    {
        while (true) {
            $bytes = \fread($this->socket, 65536);
            if ($bytes !== false && $bytes !== '') {
                return $bytes;
            }
            if (\feof($this->socket)) {
                throw new ConnectionLost('the Runtime API closed the connection', $begun ? 1 : 0);
            }
            if ($begun) {
                throw $this->garbage('it fell silent in the middle of an answer');
            }
        }
    }

    private function garbage(string $why): ConnectionLost
    {
        return new ConnectionLost('the Runtime API gave no answer that can be read: ' . $why, 1);
    }

    private function readHead(): array
    {
        for ($from = 0; ($end = \strpos($this->buffer, "\r\n\r\n", $from)) === false; ) {
            $from = \max(0, \strlen($this->buffer) - 3);
            if ($from > self::BIGGEST_HEAD) {
                throw $this->garbage('its head is too big');
            }
            // The rest of a head that is none would be waited for in vain.
            if ($from > 4 && \strncmp($this->buffer, 'HTTP/1.', 7) !== 0) {
                break;
            }
            $this->buffer .= $this->receive($this->buffer !== '');
        }
        $head = $end === false ? $this->buffer : \substr($this->buffer, 0, $end);
        $status = (string) \substr($head, 9, 3);
        if (\strncmp($head, 'HTTP/1.', 7) !== 0 || \preg_match('~^[1-5]\d\d$~D', $status) !== 1 || \strpos($head, "\0") !== false) {
            throw $this->garbage('it begins with ' . \substr($head, 0, 40));
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
            if (!\ctype_digit($length) || \strlen($length) > 9 || (int) $length > self::BIGGEST_BODY) {
                throw $this->garbage('its length is ' . $length);
            }
            return $this->take((int) $length);
        }
        try {
            while (\strlen($this->buffer) <= self::BIGGEST_BODY) {
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
        throw $this->garbage('its body is too big');
    }

    /** So many bytes, out of the buffer and what is still to come. */
    private function take(int $count): string
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
                throw $this->garbage('a chunk has no size');
            }
            $this->buffer .= $this->receive(true);
        }
        return \rtrim($this->take($end + 1), "\r\n");
    }

    private function readChunks(): string
    {
        $body = '';
        while (true) {
            $line = $this->readLine();
            $size = \substr($line, 0, \strspn($line, '0123456789abcdefABCDEF'));
            if ($size === '' || \strlen($size) > 7) {
                throw $this->garbage('the size of a chunk is ' . \substr($line, 0, 40));
            }
            if (\hexdec($size) === 0) {
                break;
            }
            $body .= $this->take((int) \hexdec($size));
            if (\strlen($body) > self::BIGGEST_BODY) {
                throw $this->garbage('its body is too big');
            }
            $this->readLine();
        }
        for ($count = 0; $this->readLine() !== ''; $count++) {
            if ($count > 1000) {
                throw $this->garbage('its trailers do not end');
            }
        }
        return $body;
    }
}
`;
