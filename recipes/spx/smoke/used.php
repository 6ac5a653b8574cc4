<?php
require '/var/task/lib/check.php';

$folder = temporary_folder();
file_put_contents("$folder/run.php", '<?php
function busy() { return hash("sha256", str_repeat("x", 100000)); }
busy();
echo "ran";
');
putenv('SPX_ENABLED=1');
putenv('SPX_REPORT=fp');
putenv('SPX_FP_LIVE=0');
$program = proc_open([PHP_BINARY, "$folder/run.php"], [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes);
$text = stream_get_contents($pipes[1]) . stream_get_contents($pipes[2]);
same(0, proc_close($program), 'the exit code');
check(strpos($text, 'ran') !== false, 'the output of the program');
check(strpos($text, 'busy') !== false, 'the profile names the function');
echo "ok\n";
