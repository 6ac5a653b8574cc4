<?php

/** The server's side of one SSH connection: one way of each kind, one user, and one program. */
final class SmokeServer
{
    const NAME = 'SSH-2.0-smoke';
    const ALGORITHMS = ['curve25519-sha256', 'ssh-ed25519', 'aes256-ctr', 'aes256-ctr', 'hmac-sha2-256', 'hmac-sha2-256', 'none', 'none', '', ''];

    private $client;
    private $hostKey;
    private $numbers = ['in' => 0, 'out' => 0];
    private $keys;

    public function __construct($client, string $hostKey)
    {
        $this->client = $client;
        $this->hostKey = $hostKey;
    }

    /** What the server's key is: its kind, and its bytes. */
    public static function publicKey(string $hostKey): string
    {
        return self::text('ssh-ed25519') . self::text(sodium_crypto_sign_publickey($hostKey));
    }

    public function serve(): void
    {
        fwrite($this->client, self::NAME . "\r\n");
        $name = rtrim(fgets($this->client), "\r\n");
        $this->agree($name);
        // Who logs in.
        same("\x05" . self::text('ssh-userauth'), $this->read(), 'the service');
        $this->write("\x06" . self::text('ssh-userauth'));
        do {
            $request = $this->read();
            same(50, ord($request[0]), 'a log-in');
            $right = $request === "\x32" . self::text('me') . self::text('ssh-connection') . self::text('password') . "\0" . self::text('secret');
            $this->write($right ? "\x34" : "\x33" . self::text('password') . "\0");
        } while (!$right);
        // One channel, with one program.
        $request = $this->read();
        same("\x5a" . self::text('session'), substr($request, 0, 12), 'a channel');
        $channel = substr($request, 12, 4);
        $this->write("\x5b$channel" . pack('N3', 0, 1 << 20, 1 << 15));
        same("\x62" . pack('N', 0) . self::text('exec') . "\x01" . self::text('greet'), $this->read(), 'the program');
        $this->write("\x63$channel");
        $this->write("\x5e$channel" . self::text("hello\n"));
        $this->write("\x60$channel");
        $this->write("\x61$channel");
        // The client closes its side, and leaves.
        while (($message = $this->read()) !== '' && $message[0] !== "\x01") {
            check(in_array(ord($message[0]), [93, 96, 97], true), 'the end of the channel');
        }
    }

    /** Exchanges keys, after RFC 4253 and RFC 8731. */
    private function agree(string $clientName): void
    {
        $own = "\x14" . random_bytes(16) . implode('', array_map([self::class, 'text'], self::ALGORITHMS)) . "\0" . pack('N', 0);
        $this->write($own);
        $theirs = $this->read();
        $request = $this->read();
        same("\x1e" . pack('N', 32), substr($request, 0, 5), "the client's part of the key");
        $point = substr($request, 5);
        $secret = random_bytes(32);
        $ownPoint = sodium_crypto_scalarmult_base($secret);
        $shared = ltrim(sodium_crypto_scalarmult($secret, $point), "\0");
        $shared = self::text((ord($shared[0]) & 128 ? "\0" : '') . $shared);
        $public = self::publicKey($this->hostKey);
        $parts = [$clientName, self::NAME, $theirs, $own, $public, $point, $ownPoint];
        $hash = hash('sha256', implode('', array_map([self::class, 'text'], $parts)) . $shared, true);
        $signature = sodium_crypto_sign_detached($hash, sodium_crypto_sign_secretkey($this->hostKey));
        $proof = self::text(self::text('ssh-ed25519') . self::text($signature));
        $this->write("\x1f" . self::text($public) . self::text($ownPoint) . $proof);
        $this->write("\x15");
        same("\x15", $this->read(), 'the client has the keys');
        $derived = function (string $letter) use ($shared, $hash): string {
            return hash('sha256', $shared . $hash . $letter . $hash, true);
        };
        $this->keys = [
            'in' => ['counter' => substr($derived('A'), 0, 16), 'cipher' => $derived('C'), 'mac' => $derived('E')],
            'out' => ['counter' => substr($derived('B'), 0, 16), 'cipher' => $derived('D'), 'mac' => $derived('F')],
        ];
    }

    private static function text(string $bytes): string
    {
        return pack('N', strlen($bytes)) . $bytes;
    }

    /** Encrypts or decrypts whole blocks. */
    private function turn(string $way, string $blocks): string
    {
        if ($this->keys === null || $blocks === '') {
            return $blocks;
        }
        $key = &$this->keys[$way];
        $turned = openssl_encrypt($blocks, 'aes-256-ctr', $key['cipher'], OPENSSL_RAW_DATA, $key['counter']);
        // For sodium the first byte is the lowest.
        $counter = strrev($key['counter']);
        for ($i = 0; $i < strlen($blocks); $i += 16) {
            sodium_increment($counter);
        }
        $key['counter'] = strrev($counter);
        return $turned;
    }

    private function mac(string $way, string $packet): string
    {
        $number = pack('N', $this->numbers[$way]++);
        return $this->keys === null ? '' : hash_hmac('sha256', $number . $packet, $this->keys[$way]['mac'], true);
    }

    private function write(string $message): void
    {
        $padding = 32 - (strlen($message) + 5) % 16;
        $packet = pack('NC', 1 + strlen($message) + $padding, $padding) . $message . str_repeat("\0", $padding);
        $mac = $this->mac('out', $packet);
        fwrite($this->client, $this->turn('out', $packet) . $mac);
    }

    /** Returns the next message, or nothing at the end. */
    private function read(): string
    {
        $size = $this->keys === null ? 8 : 16;
        $start = (string) stream_get_contents($this->client, $size);
        if (strlen($start) < $size) {
            return '';
        }
        $packet = $this->turn('in', $start);
        $length = unpack('N', $packet)[1];
        $packet .= $this->turn('in', stream_get_contents($this->client, 4 + $length - $size));
        $mac = $this->mac('in', $packet);
        same(bin2hex($mac), $mac === '' ? '' : bin2hex(stream_get_contents($this->client, 32)), 'the code of the message');
        return substr($packet, 5, $length - 1 - ord($packet[4]));
    }
}
