<?php
require '/var/task/lib/check.php';
require '/var/task/lib/certificate.php';

/** A broker that speaks enough AMQP 0-9-1 for one connection with TLS, and has one queue. */
class Broker
{
    private $stream;
    private $messages = [];

    /** Starts one in a process of its own, with the certificate in the file $pem. Returns its port. */
    public static function start(string $pem): int
    {
        $flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
        $context = stream_context_create(['ssl' => ['local_cert' => $pem]]);
        $listener = stream_socket_server('tcp://127.0.0.1:0', $number, $text, $flags, $context);
        in_child(function () use ($listener) {
            $broker = new self();
            $broker->stream = stream_socket_accept($listener, 10);
            check(stream_socket_enable_crypto($broker->stream, true, STREAM_CRYPTO_METHOD_TLS_SERVER) === true, 'TLS');
            same("AMQP\0\0\x09\x01", $broker->read(8), 'the version of the protocol');
            // Start: no properties of the server; what it knows of ways to log in, and languages.
            $broker->send(0, 10, 10, "\0\x09" . pack('N', 0) . pack('N', 5) . 'PLAIN' . pack('N', 5) . 'en_US');
            do {
                [, $channel, $payload] = $broker->frame();
                ['class' => $class, 'method' => $method] = unpack('nclass/nmethod', $payload);
            } while ($broker->answer($channel, 100 * $class + $method, substr($payload, 4)));
        });
        return (int) substr(strrchr(stream_socket_get_name($listener, false), ':'), 1);
    }

    /** Answers one method. False after the last. */
    private function answer(int $channel, int $method, string $arguments): bool
    {
        switch ($method) {
            case 1011: // connection.start-ok
                check(strpos($arguments, "\0smoke\0secret") !== false, 'the password');
                $this->send($channel, 10, 30, pack('nNn', 16, 131072, 0));
                break;
            case 1040: // connection.open
                $this->send($channel, 10, 41, "\0");
                break;
            case 1050: // connection.close
                $this->send($channel, 10, 51, '');
                return false;
            case 2010: // channel.open
                $this->send($channel, 20, 11, pack('N', 0));
                break;
            case 2040: // channel.close
                $this->send($channel, 20, 41, '');
                break;
            case 5010: // queue.declare
                $name = substr($arguments, 3, ord($arguments[2]));
                if ($name === 'none') {
                    $this->send($channel, 20, 40, pack('n', 404) . "\x0dno such queue" . pack('nn', 50, 10));
                } else {
                    $this->send($channel, 50, 11, chr(strlen($name)) . $name . pack('NN', count($this->messages), 0));
                }
                break;
            case 6010: // basic.qos
                $this->send($channel, 60, 11, '');
                break;
            case 6040: // basic.publish
                $header = $this->frame()[2];
                $size = unpack('J', $header, 4)[1];
                for ($body = ''; strlen($body) < $size; ) {
                    $body .= $this->frame()[2];
                }
                $this->messages[] = [$header, $body];
                break;
            case 6070: // basic.get
                if ($this->messages === []) {
                    $this->send($channel, 60, 72, "\0");
                    break;
                }
                [$header, $body] = array_shift($this->messages);
                $this->send($channel, 60, 71, pack('J', 1) . "\0\0\x05smoke" . pack('N', count($this->messages)));
                $this->write(2, $channel, $header);
                foreach (str_split($body, 65536) as $part) {
                    $this->write(3, $channel, $part);
                }
        }
        return true;
    }

    private function send(int $channel, int $class, int $method, string $arguments): void
    {
        $this->write(1, $channel, pack('nn', $class, $method) . $arguments);
    }

    private function write(int $type, int $channel, string $payload): void
    {
        fwrite($this->stream, pack('CnN', $type, $channel, strlen($payload)) . "$payload\xce");
    }

    /** The next frame: type, channel and payload. */
    private function frame(): array
    {
        ['type' => $type, 'channel' => $channel, 'size' => $size] = unpack('Ctype/nchannel/Nsize', $this->read(7));
        $payload = $this->read($size);
        same("\xce", $this->read(1), 'the end of a frame');
        return [$type, $channel, $payload];
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

$pem = self_signed_certificate(temporary_folder());
$connection = new AMQPConnection([
    'host' => 'localhost',
    'port' => Broker::start($pem),
    'login' => 'smoke',
    'password' => 'secret',
    'cacert' => $pem,
    'connect_timeout' => 10,
    'read_timeout' => 10,
]);
$connection->connect();
check($connection->isConnected(), 'it is connected');

$channel = new AMQPChannel($connection);
$queue = new AMQPQueue($channel);
$queue->setName('smoke');
same(0, $queue->declareQueue(), 'a queue without messages');
$exchange = new AMQPExchange($channel);
$exchange->publish('hello', 'smoke', AMQP_NOPARAM, ['content_type' => 'text/plain', 'headers' => ['n' => 1, 'list' => ['a', true]]]);
$exchange->publish(str_repeat('long ', 100000), 'smoke');
same(2, $queue->declareQueue(), 'a queue with messages');

$message = $queue->get(AMQP_AUTOACK);
same('hello', $message->getBody(), 'a message');
same('text/plain', $message->getContentType(), 'a property of a message');
same(['n' => 1, 'list' => ['a', true]], $message->getHeaders(), 'the headers of a message');
same(str_repeat('long ', 100000), $queue->get(AMQP_AUTOACK)->getBody(), 'a message in several frames');
check(!$queue->get(AMQP_AUTOACK), 'no message is left');

$failed = '';
try {
    $other = new AMQPQueue($channel);
    $other->setName('none');
    $other->declareQueue();
} catch (AMQPQueueException $error) {
    $failed = $error->getCode() . ' ' . $error->getMessage();
}
check(strpos($failed, '404') === 0 && strpos($failed, 'no such queue') !== false, "an error of the broker: $failed");
$connection->disconnect();
echo "ok\n";
