<?php
require '/var/task/lib/check.php';

$folder = temporary_folder();
file_put_contents("$folder/measured.php", '<?php
function chosen(bool $first): string
{
    if ($first) {
        return "first";
    }
    return "second";
}
');
xdebug_start_code_coverage(XDEBUG_CC_UNUSED | XDEBUG_CC_DEAD_CODE);
require "$folder/measured.php";
same('first', chosen(true), 'the function');
$lines = xdebug_get_code_coverage()["$folder/measured.php"];
xdebug_stop_code_coverage();
same([1, 1, -1], [$lines[4], $lines[5], $lines[7]], 'lines that ran, and one that did not');

$trace = xdebug_start_trace("$folder/trace");
chosen(false);
xdebug_stop_trace();
$text = substr($trace, -3) === '.gz' ? gzdecode(file_get_contents($trace)) : file_get_contents($trace);
check(strpos($text, 'chosen(') !== false, 'the trace names the function');

// A debugger that sets a breakpoint, and looks at a variable where the program stops.
$debugger = stream_socket_server('tcp://127.0.0.1:0');
$port = substr(strrchr(stream_socket_get_name($debugger, false), ':'), 1);
file_put_contents("$folder/debugged.php", "<?php\n\$answer = 6 * 7;\necho \$answer;\n");
$command = [PHP_BINARY];
foreach (['mode=debug', 'start_with_request=yes', 'client_host=127.0.0.1', "client_port=$port"] as $setting) {
    array_push($command, '-d', "xdebug.$setting");
}
// Without a shell, which there may not be.
$program = proc_open(array_merge($command, ["$folder/debugged.php"]), [1 => ['pipe', 'w']], $pipes);
$client = stream_socket_accept($debugger, 30);
/** Sends a command, and returns what the program answers. */
$ask = function (string $command = '') use ($client): string {
    if ($command !== '') {
        fwrite($client, "$command\0");
    }
    $length = (int) stream_get_line($client, 20, "\0");
    $answer = stream_get_contents($client, $length);
    stream_get_contents($client, 1);
    return $answer;
};
check(strpos($ask(), 'debugged.php') !== false, 'the program calls the debugger');
check(strpos($ask("breakpoint_set -i 1 -t line -f file://$folder/debugged.php -n 3"), 'id=') !== false, 'a breakpoint');
check(strpos($ask('run -i 2'), 'status="break"') !== false, 'it stops there');
check(strpos($ask('property_get -i 3 -n $answer'), '<![CDATA[42]]>') !== false, 'the variable');
check(strpos($ask('run -i 4'), 'status="stopping"') !== false, 'it goes on');
$ask('run -i 5');
same('42', stream_get_contents($pipes[1]), 'its output');
proc_close($program);
echo "ok\n";
