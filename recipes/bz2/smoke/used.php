<?php
require '/var/task/lib/check.php';

$text = str_repeat('the same again and again, ', 5000);
$packed = bzcompress($text, 9);
same('BZh9', substr($packed, 0, 4), 'the format');
check(strlen($packed) < 1000, 'it is smaller');
same($text, bzdecompress($packed), 'a text survives');
// Made by bzip2's own program.
same("hello\n", bzdecompress(base64_decode('QlpoOTFBWSZTWcHAgOIAAAFBAAAQAkSgADDNAMNGKZcXckU4UJDBwIDi')), 'a file of another program');

$file = temporary_folder() . '/text.bz2';
file_put_contents("compress.bzip2://$file", $text);
same($text, file_get_contents("compress.bzip2://$file"), 'a file');
$stream = bzopen($file, 'r');
same('the same', bzread($stream, 8), 'the beginning of a file');
bzclose($stream);

$stream = fopen("$file.filter", 'w');
stream_filter_append($stream, 'bzip2.compress', STREAM_FILTER_WRITE);
fwrite($stream, $text);
fclose($stream);
same($text, bzdecompress(file_get_contents("$file.filter")), 'a filter of streams');
check(is_int(bzdecompress('no such thing')), 'what is not packed is refused');
echo "ok\n";
