<?php
require '/var/task/lib/check.php';

/** A value as MaxMind's format has it: numbers as [type, value], texts as they are, lists and maps. */
function encoded($value): string
{
    if (is_string($value)) {
        return chr(2 << 5 | strlen($value)) . $value;
    }
    if (isset($value['number'])) {
        [$type, $number] = $value['number'];
        $bytes = ltrim(pack('J', $number), "\0");
        return $type < 8 ? chr($type << 5 | strlen($bytes)) . $bytes : chr(strlen($bytes)) . chr($type - 7) . $bytes;
    }
    $is_list = array_key_exists(0, $value);
    $text = $is_list ? chr(count($value)) . chr(11 - 7) : chr(7 << 5 | count($value));
    foreach ($value as $key => $each) {
        $text .= ($is_list ? '' : encoded($key)) . encoded($each);
    }
    return $text;
}

// One node: addresses that begin with the bit 0 have the data, others have none.
$tree = "\0\0" . chr(1 + 16) . "\0\0" . chr(1);
$file = temporary_folder() . '/small.mmdb';
file_put_contents($file, $tree . str_repeat("\0", 16) . encoded(['country' => 'Café', 'code' => '64500']) . "\xab\xcd\xefMaxMind.com" . encoded([
    'binary_format_major_version' => ['number' => [5, 2]],
    'binary_format_minor_version' => ['number' => [5, 0]],
    'build_epoch' => ['number' => [9, 1700000000]],
    'database_type' => 'Smoke',
    'description' => ['en' => 'A small one'],
    'ip_version' => ['number' => [5, 4]],
    'languages' => ['en'],
    'node_count' => ['number' => [6, 1]],
    'record_size' => ['number' => [5, 24]],
]));

$reader = new MaxMind\Db\Reader($file);
same('Smoke', $reader->metadata()->databaseType, 'the type of the database');
same(['country' => 'Café', 'code' => '64500'], $reader->get('10.1.2.3'), 'the data of an address');
same([['country' => 'Café', 'code' => '64500'], 1], $reader->getWithPrefixLen('10.1.2.3'), 'and the length of its prefix');
same(null, $reader->get('200.1.2.3'), 'an address without data');
$reader->close();
try {
    new MaxMind\Db\Reader(__FILE__);
    check(false, 'what is not a database throws');
} catch (MaxMind\Db\Reader\InvalidDatabaseException $error) {
    check($error->getMessage() !== '', 'what is wrong with it');
}
echo "ok\n";
