<?php
require '/var/task/lib/check.php';

$value = ['name' => 'café', 'list' => range(1, 200), 'pi' => 3.14159, 'none' => null, 'yes' => true];
$packed = msgpack_pack($value);
same($value, msgpack_unpack($packed), 'a value survives');
check(strlen($packed) < strlen(serialize($value)), 'it is smaller than PHP would make it');
// As the specification of MessagePack has it.
same('93010203', bin2hex(msgpack_pack([1, 2, 3])), 'a list of numbers');
same('82a7636f6d70616374c3a6736368656d6100', bin2hex(msgpack_pack(['compact' => true, 'schema' => 0])), 'a map');
same(['compact' => true, 'schema' => 0], msgpack_unpack(hex2bin('82a7636f6d70616374c3a6736368656d6100')), 'a map is read');
check(msgpack_unpack(msgpack_pack(new ArrayObject(['a' => 1]))) == new ArrayObject(['a' => 1]), 'an object survives');
$unpacker = new MessagePackUnpacker();
$unpacker->feed(substr($packed, 0, 10));
check(!$unpacker->execute(), 'half a value is none');
$unpacker->feed(substr($packed, 10));
check($unpacker->execute(), 'the other half makes it whole');
same($value, $unpacker->data(), 'a value in two parts');
echo "ok\n";
