<?php
require '/var/task/lib/check.php';

$random = uuid_create(UUID_TYPE_RANDOM);
check(uuid_is_valid($random) && uuid_create(UUID_TYPE_RANDOM) !== $random, 'two are different');
same([UUID_TYPE_RANDOM, UUID_VARIANT_DCE], [uuid_type($random), uuid_variant($random)], 'its type');
$time = uuid_create(UUID_TYPE_TIME);
check(abs(uuid_time($time) - time()) <= 5, 'the time of one that is made of it');
// As RFC 4122 has it, in the name space of domains.
$dns = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
same('5df41881-3aed-3515-88a7-2f4a814cf09e', uuid_generate_md5($dns, 'www.example.com'), 'one of a name, with MD5');
same('2ed6657d-e927-568b-95e1-2665a8aea6a2', uuid_generate_sha1($dns, 'www.example.com'), 'one of a name, with SHA-1');
same('6ba7b8109dad11d180b400c04fd430c8', bin2hex(uuid_parse($dns)), 'its bytes');
same($dns, uuid_unparse(uuid_parse($dns)), 'and back');
check(!uuid_is_valid('none') && uuid_is_null('00000000-0000-0000-0000-000000000000'), 'none');
same(0, uuid_compare(strtoupper($dns), $dns), 'upper case is the same');
echo "ok\n";
