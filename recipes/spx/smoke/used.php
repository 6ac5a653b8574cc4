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
$output = [];
exec(escapeshellarg(PHP_BINARY) . ' ' . escapeshellarg("$folder/run.php") . ' 2>&1', $output, $code);
same(0, $code, 'the exit code');
$text = implode("\n", $output);
check(strpos($text, 'ran') !== false, 'the output of the program');
check(strpos($text, 'busy') !== false, 'the profile names the function');
echo "ok\n";
