<?php

// What the minimal variant has: text, gzip, sessions.
require __DIR__ . '/lib/check.php';

same('ÄÖÜ ΣΊΣΥΦΟΣ', mb_strtoupper('äöü σίσυφος', 'UTF-8'), 'mb_strtoupper');
same('93fa967b8cea', bin2hex(mb_convert_encoding('日本語', 'SJIS', 'UTF-8')), 'mb_convert_encoding');
check(!function_exists('mb_ereg'), 'without Oniguruma');
same('6100ac20', bin2hex(iconv('UTF-8', 'UTF-16LE', 'a€')), 'iconv');
check(ctype_xdigit('00ff') && !ctype_xdigit('no'), 'ctype');
same('a@example.org', filter_var('a@example.org', FILTER_VALIDATE_EMAIL), 'filter');
same('T_OPEN_TAG', token_name(token_get_all('<?php 1;')[0][0]), 'tokenizer');
same(1, preg_match('/^(?<word>\p{L}+)\s(?=\d)/u', 'Größe 42', $found), 'preg_match');
same(['€' => [1, 2.5, null]], json_decode('{"\u20ac": [1, 2.5, null]}', true), 'JSON');

$text = str_repeat('The quick brown fox jumps over the lazy dog. ', 1000);
same($text, gzdecode(gzencode($text)), 'gzip');

ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
session_save_path(temporary_folder());
session_start();
$_SESSION['a'] = [1, 2];
$id = session_id();
session_write_close();
$_SESSION = [];
session_id($id);
session_start();
same([1, 2], $_SESSION['a'], 'a session');
session_destroy();

echo "ok\n";
