<?php

/**
 * A server that speaks enough of PostgreSQL's protocol for one connection of the smoke programs, in a process of its own: TLS, a
 * password by SCRAM-SHA-256 (user `smoke`, password `secret`), simple and extended queries.
 *
 * Every query answers one row with two columns: `sql`, what was asked, and `value`, its first parameter (null without one). A
 * query with FAIL in it answers the error of a table that does not exist.
 */
class PostgresServer
{
    private $stream;
    private $sql = '';
    private $value = null;
    private $failed = false;

    /** Starts one, and returns its port. The connection is encrypted with the certificate in the file $pem. */
    public static function start(string $pem): int
    {
        $flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
        $context = stream_context_create(['ssl' => ['local_cert' => $pem]]);
        $listener = stream_socket_server('tcp://127.0.0.1:0', $number, $text, $flags, $context);
        in_child(function () use ($listener) {
            $server = new self();
            $server->stream = stream_socket_accept($listener, 10);
            $server->serve();
        });
        return (int) substr(strrchr(stream_socket_get_name($listener, false), ':'), 1);
    }

    private function serve(): void
    {
        same(pack('NN', 8, 80877103), $this->read(8), 'the request for TLS');
        fwrite($this->stream, 'S');
        check(stream_socket_enable_crypto($this->stream, true, STREAM_CRYPTO_METHOD_TLS_SERVER) === true, 'TLS');
        $startup = $this->read(unpack('N', $this->read(4))[1] - 4);
        same(196608, unpack('N', $startup)[1], 'the version of the protocol');
        check(strpos($startup, "\0user\0smoke\0") !== false, 'the user');
        $this->authenticate('secret');
        foreach (['server_version' => '15.18', 'client_encoding' => 'UTF8', 'standard_conforming_strings' => 'on'] as $name => $value) {
            $this->send('S', "$name\0$value\0");
        }
        $this->send('K', pack('NN', getmypid(), 1));
        $this->send('Z', 'I');
        do {
            [$type, $body] = $this->message();
        } while ($this->answer($type, $body));
    }

    private function authenticate(string $password): void
    {
        $this->send('R', pack('N', 10) . "SCRAM-SHA-256\0\0");
        $first = $this->message()[1];
        $bare = substr($first, strpos($first, ',,') + 2);
        check(preg_match('/r=([^,]+)/', $bare, $match) === 1, 'the first message of SCRAM');
        $salt = random_bytes(16);
        $nonce = $match[1] . base64_encode(random_bytes(12));
        $challenge = "r=$nonce,s=" . base64_encode($salt) . ',i=4096';
        $this->send('R', pack('N', 11) . $challenge);
        $last = $this->message()[1];
        [$without, $proof] = explode(',p=', $last);
        check(strpos($without, "r=$nonce") !== false, 'the nonce');
        $salted = hash_pbkdf2('sha256', $password, $salt, 4096, 32, true);
        $signed = "$bare,$challenge,$without";
        $clientKey = hash_hmac('sha256', 'Client Key', $salted, true);
        $signature = hash_hmac('sha256', $signed, hash('sha256', $clientKey, true), true);
        same(base64_encode($clientKey ^ $signature), $proof, "the client's proof");
        $serverKey = hash_hmac('sha256', 'Server Key', $salted, true);
        $this->send('R', pack('N', 12) . 'v=' . base64_encode(hash_hmac('sha256', $signed, $serverKey, true)));
        $this->send('R', pack('N', 0));
    }

    /** Answers one message. False after the last. */
    private function answer(string $type, string $body): bool
    {
        // After an error, what belongs to the same query is skipped.
        if ($this->failed && $type !== 'S' && $type !== 'X') {
            return true;
        }
        if ($type === 'Q') {
            $this->sql = rtrim($body, "\0");
            $this->value = null;
            if (!$this->fails()) {
                $this->describe();
                $this->row();
            }
            $this->failed = false;
            $this->send('Z', 'I');
        } elseif ($type === 'P') {
            $this->sql = explode("\0", $body)[1];
            $this->fails() || $this->send('1', '');
        } elseif ($type === 'B') {
            $this->value = self::parameter($body);
            $this->send('2', '');
        } elseif ($type === 'D') {
            $this->describe();
        } elseif ($type === 'E') {
            $this->row();
        } elseif ($type === 'S') {
            $this->failed = false;
            $this->send('Z', 'I');
        }
        return $type !== 'X';
    }

    /** The first parameter of a message that binds them. */
    private static function parameter(string $body): ?string
    {
        $at = strpos($body, "\0", strpos($body, "\0") + 1) + 1;
        $at += 2 + 2 * unpack('n', $body, $at)[1];
        if (unpack('n', $body, $at)[1] === 0) {
            return null;
        }
        $length = unpack('N', $body, $at + 2)[1];
        return $length === 0xffffffff ? null : substr($body, $at + 6, $length);
    }

    private function fails(): bool
    {
        if (strpos($this->sql, 'FAIL') === false) {
            return false;
        }
        $this->send('E', "SERROR\0VERROR\0C42P01\0Mno such table\0\0");
        return $this->failed = true;
    }

    private function describe(): void
    {
        $column = pack('NnNnNn', 0, 0, 25, 0xffff, 0xffffffff, 0);
        $this->send('T', pack('n', 2) . "sql\0$column" . "value\0$column");
    }

    private function row(): void
    {
        $value = $this->value === null ? pack('N', 0xffffffff) : pack('N', strlen($this->value)) . $this->value;
        $this->send('D', pack('nN', 2, strlen($this->sql)) . $this->sql . $value);
        $this->send('C', "SELECT 1\0");
    }

    private function send(string $type, string $body): void
    {
        fwrite($this->stream, $type . pack('N', strlen($body) + 4) . $body);
    }

    /** The next message: its type and body. */
    private function message(): array
    {
        $type = $this->read(1);
        return [$type, $this->read(unpack('N', $this->read(4))[1] - 4)];
    }

    private function read(int $length): string
    {
        for ($text = ''; strlen($text) < $length; $text .= $part) {
            $part = fread($this->stream, $length - strlen($text));
            check($part !== false && $part !== '', 'the client is there');
        }
        return $text;
    }
}
