<?php
require '/var/task/lib/check.php';

use MongoDB\BSON\ObjectId;
use MongoDB\BSON\UTCDateTime;
use MongoDB\Driver\BulkWrite;
use MongoDB\Driver\Command;
use MongoDB\Driver\Exception\ServerException;
use MongoDB\Driver\Manager;
use MongoDB\Driver\Query;

/** The bytes of a document. Lines 1 and 2 of the extension have no function for that in common. */
function bson(array $document): string
{
    if (function_exists('MongoDB\BSON\fromPHP')) {
        return MongoDB\BSON\fromPHP($document);
    }
    return (string) MongoDB\BSON\Document::fromPHP($document);
}

/** The document of the bytes. */
function document(string $bytes): array
{
    $types = ['root' => 'array', 'document' => 'array', 'array' => 'array'];
    if (function_exists('MongoDB\BSON\toPHP')) {
        return MongoDB\BSON\toPHP($bytes, $types);
    }
    return MongoDB\BSON\Document::fromBSON($bytes)->toPHP($types);
}

// As the specification of BSON has it.
same('160000000268656c6c6f0006000000776f726c640000', bin2hex(bson(['hello' => 'world'])), 'the bytes of a document');
$id = new ObjectId();
$value = ['_id' => $id, 'name' => 'café', 'list' => [1, 2.5, null, true], 'at' => new UTCDateTime(1234567890123)];
check(document(bson($value)) == $value, 'a document survives');

/** Reads a message: its number, its code, and what follows. */
function message($client): ?array
{
    $header = stream_get_contents($client, 16);
    if (strlen($header) < 16) {
        return null;
    }
    [, $length, $number, , $code] = unpack('V4', $header);
    return [$number, $code, stream_get_contents($client, $length - 16)];
}

/** Reads the documents that begin at $at. */
function documents(string $bytes, int $at, int $end): array
{
    $found = [];
    while ($at < $end) {
        $length = unpack('V', $bytes, $at)[1];
        $found[] = document(substr($bytes, $at, $length));
        $at += $length;
    }
    return $found;
}

/** Serves inserts and finds of one collection. */
function serve($client): void
{
    $stored = [];
    while (($message = message($client)) !== null) {
        [$number, $code, $body] = $message;
        if ($code === 2004) {
            // OP_QUERY, of the greeting: flags, the collection's name, two numbers, the document.
            $command = document(substr($body, 4 + strlen('admin.$cmd') + 1 + 8));
        } else {
            // OP_MSG: flags, then a document, and perhaps a sequence of them with a name.
            $first = unpack('V', $body, 5)[1];
            $command = document(substr($body, 5, $first));
            $at = 5 + $first;
            if ($at < strlen($body)) {
                $size = unpack('V', $body, $at + 1)[1];
                $name = substr($body, $at + 5, strpos($body, "\0", $at + 5) - $at - 5);
                $command[$name] = documents($body, $at + 5 + strlen($name) + 1, $at + 1 + $size);
            }
        }
        $reply = ['ok' => 1.0];
        switch (strtolower(key($command))) {
            case 'ismaster':
            case 'hello':
                $reply += [
                    'helloOk' => true,
                    'ismaster' => true,
                    'isWritablePrimary' => true,
                    'maxBsonObjectSize' => 16777216,
                    'maxMessageSizeBytes' => 48000000,
                    'maxWriteBatchSize' => 100000,
                    'minWireVersion' => 0,
                    'maxWireVersion' => 17,
                ];
                break;
            case 'insert':
                $stored = array_merge($stored, $command['documents']);
                $reply['n'] = count($command['documents']);
                break;
            case 'find':
                $wanted = array_filter($stored, function ($each) use ($command) {
                    return array_intersect_assoc($command['filter'], $each) == $command['filter'];
                });
                $reply['cursor'] = ['id' => 0, 'ns' => 'db.things', 'firstBatch' => array_values($wanted)];
                break;
            case 'ping':
                break;
            default:
                $reply = ['ok' => 0.0, 'code' => 59, 'errmsg' => 'no such command'];
        }
        $bytes = bson($reply);
        $answer = $code === 2004 ? pack('V5', 8, 0, 0, 0, 1) . $bytes : pack('V', 0) . "\0" . $bytes;
        fwrite($client, pack('V4', 16 + strlen($answer), 1, $number, $code === 2004 ? 1 : 2013) . $answer);
    }
}

$server = stream_socket_server('tcp://127.0.0.1:0');
$port = (int) substr(strrchr(stream_socket_get_name($server, false), ':'), 1);
in_child(function () use ($server) {
    while ($client = @stream_socket_accept($server, 30)) {
        serve($client);
    }
});

$manager = new Manager("mongodb://127.0.0.1:$port/?serverSelectionTimeoutMS=10000");
$write = new BulkWrite();
$write->insert($value);
$write->insert(['name' => 'tea', 'price' => 3]);
same(2, $manager->executeBulkWrite('db.things', $write)->getInsertedCount(), 'documents are inserted');
$found = $manager->executeQuery('db.things', new Query(['name' => 'tea']))->toArray();
same([1, 'tea', 3], [count($found), $found[0]->name, $found[0]->price], 'and found');
$found = $manager->executeQuery('db.things', new Query(['name' => 'café']))->toArray();
check($found[0]->_id == $id && $found[0]->at == $value['at'], 'with their types');
try {
    $manager->executeCommand('db', new Command(['nonsense' => 1]));
    check(false, 'an error of the server is told');
} catch (ServerException $error) {
    same([59, 'no such command'], [$error->getCode(), $error->getMessage()], 'the error of the server');
}
echo "ok\n";
