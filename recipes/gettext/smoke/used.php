<?php
require '/var/task/lib/check.php';

/** The bytes of a file of translations, as msgfmt writes it. */
function catalog(array $texts): string
{
    ksort($texts, SORT_STRING);
    $count = count($texts);
    $start = 28 + 16 * $count;
    $tables = $data = '';
    foreach ([array_keys($texts), array_values($texts)] as $strings) {
        foreach ($strings as $string) {
            $tables .= pack('VV', strlen($string), $start + strlen($data));
            $data .= "$string\0";
        }
    }
    return pack('V7', 0x950412de, 0, $count, 28, 28 + 8 * $count, 0, $start) . $tables . $data;
}

// glibc does not translate in the locale C, and not every system has another one. This is a whole one, as far as messages go.
$folder = temporary_folder();
mkdir("$folder/locale/smoke/LC_MESSAGES", 0777, true);
$fields = ['^[yY]', '^[nN]', '', '', 'UTF-8'];
$offsets = $data = '';
foreach ($fields as $field) {
    $offsets .= pack('V', 8 + 4 * count($fields) + strlen($data));
    $data .= "$field\0";
}
$header = pack('VV', 0x20031115 ^ LC_MESSAGES, count($fields));
file_put_contents("$folder/locale/smoke/LC_MESSAGES/SYS_LC_MESSAGES", $header . $offsets . $data);
putenv("LOCPATH=$folder/locale");
same('smoke', setlocale(LC_MESSAGES, 'smoke'), 'the locale');

mkdir("$folder/texts/smoke/LC_MESSAGES", 0777, true);
file_put_contents("$folder/texts/smoke/LC_MESSAGES/app.mo", catalog([
    '' => "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n",
    'Good day' => 'Grüß Gott',
    "%d file\0%d files" => "%d Datei\0%d Dateien",
]));
same("$folder/texts", bindtextdomain('app', "$folder/texts"), 'the folder of the texts');
same('UTF-8', bind_textdomain_codeset('app', 'UTF-8'), 'the encoding');
same('app', textdomain('app'), 'the domain');
same('Grüß Gott', _('Good day'), 'a text');
same('Grüß Gott', dcgettext('app', 'Good day', LC_MESSAGES), 'a text of a domain');
same('%d Datei', ngettext('%d file', '%d files', 1), 'one');
same('%d Dateien', ngettext('%d file', '%d files', 2), 'two');
same('Good night', gettext('Good night'), 'a text without a translation');
same('Good day', dgettext('other', 'Good day'), 'a text of a domain that is not there');
echo "ok\n";
