<?php
require '/var/task/lib/check.php';

$mail = implode("\r\n", [
    'From: "A, Person" <a@example.com>',
    'To: b@example.com, Friends: c@example.com, d@example.com;',
    'Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="edge"',
    '',
    '--edge',
    'Content-Type: text/plain; charset=utf-8',
    '',
    'Hello',
    '--edge',
    'Content-Type: application/octet-stream; name="data.bin"',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="data.bin"',
    '',
    'AAEC',
    '--edge--',
    '',
]);
$message = mailparse_msg_create();
check(mailparse_msg_parse($message, $mail), 'the mail is parsed');
same(['1', '1.1', '1.2'], mailparse_msg_get_structure($message), 'its parts');
$part = mailparse_msg_get_part($message, '1.2');
$data = mailparse_msg_get_part_data($part);
same(['application/octet-stream', 'data.bin', 'base64'], [$data['content-type'], $data['disposition-filename'], $data['transfer-encoding']], 'the attachment');
$body = '';
mailparse_msg_extract_part($part, $mail, function ($bytes) use (&$body) {
    $body .= $bytes;
});
same('000102', bin2hex($body), 'its bytes');
same('A, Person', mailparse_rfc822_parse_addresses('"A, Person" <a@example.com>')[0]['display'], 'a name with a comma');
// Its decoder is that of mbstring, which is in PHP.
$to = fopen('php://memory', 'w+');
$from = fopen('php://memory', 'w+');
fwrite($from, "caf\xc3\xa9");
rewind($from);
mailparse_stream_encode($from, $to, 'quoted-printable');
rewind($to);
same('caf=C3=A9', rtrim(stream_get_contents($to)), 'quoted-printable');
echo "ok\n";
