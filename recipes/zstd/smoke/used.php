<?php
require '/var/task/lib/check.php';

$text = str_repeat('the quick brown fox jumps over the lazy dog ', 1000);
$packed = zstd_compress($text, 19);
check(strlen($packed) < strlen($text) / 50, 'it is much smaller');
same($text, zstd_uncompress($packed), 'the text');
same('28b52ffd', bin2hex(substr($packed, 0, 4)), 'the magic number');
same(0, strpos(LIBZSTD_VERSION_STRING, '1.5.'), "the library's version");
$dictionary = substr($text, 0, 2000);
same('brown fox', zstd_uncompress_dict(zstd_compress_dict('brown fox', $dictionary), $dictionary), 'a text with a dictionary');
$file = temporary_folder() . '/text.zst';
same(strlen($text), file_put_contents("compress.zstd://$file", $text), 'the bytes that are written');
same($text, file_get_contents("compress.zstd://$file"), 'the text of the file');
same(false, @zstd_uncompress('not zstd'), 'what is not zstd');
echo "ok\n";
