<?php
require '/var/task/lib/check.php';

$time = new Google\Protobuf\Timestamp();
$time->setSeconds(5);
$time->setNanos(300);
same('080510ac02', bin2hex($time->serializeToString()), 'the bytes of a message');
$read = new Google\Protobuf\Timestamp();
$read->mergeFromString($time->serializeToString());
same([5, 300], [(int) $read->getSeconds(), $read->getNanos()], 'a message that is read');
$text = new Google\Protobuf\StringValue();
$text->mergeFromJsonString('"café"');
same(['café', '"café"'], [$text->getValue(), $text->serializeToJsonString()], 'a message in JSON');
try {
    $read->mergeFromString("\xff");
    check(false, 'what is not a message throws');
} catch (Exception $error) {
    check($error->getMessage() !== '', 'what is wrong with it');
}
echo "ok\n";
