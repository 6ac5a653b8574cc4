<?php
require '/var/task/lib/check.php';

$folder = temporary_folder();
$inotify = inotify_init();
check(is_resource($inotify), 'a queue of events');
$watch = inotify_add_watch($inotify, $folder, IN_CREATE | IN_CLOSE_WRITE | IN_DELETE);
same(0, inotify_queue_len($inotify), 'no events');
file_put_contents("$folder/new", 'text');
unlink("$folder/new");
check(inotify_queue_len($inotify) > 0, 'there are events');
$events = inotify_read($inotify);
same([IN_CREATE, IN_CLOSE_WRITE, IN_DELETE], array_column($events, 'mask'), 'what happened');
same(['new', $watch], [$events[0]['name'], $events[0]['wd']], 'and to which file');
check(inotify_rm_watch($inotify, $watch), 'the folder is watched no more');
echo "ok\n";
