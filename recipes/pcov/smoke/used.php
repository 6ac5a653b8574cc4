<?php
require '/var/task/lib/check.php';

$file = temporary_folder() . '/measured.php';
file_put_contents($file, '<?php
function chosen(bool $first): string
{
    if ($first) {
        return "first";
    }
    return "second";
}
');
\pcov\clear();
\pcov\start();
require $file;
same('first', chosen(true), 'the function');
\pcov\stop();
$lines = \pcov\collect(\pcov\inclusive, [$file])[$file];
check($lines[4] > 0 && $lines[5] > 0, 'lines that ran');
same(-1, $lines[7], 'a line that did not run');
echo "ok\n";
