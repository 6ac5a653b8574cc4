<?php

// Characters, regular expressions, numbers, dates, passwords: what works on text.
require __DIR__ . '/lib/check.php';

// mbstring, with its regular expressions
same('ÄÖÜ ΣΊΣΥΦΟΣ', mb_strtoupper('äöü σίσυφος', 'UTF-8'), 'mb_strtoupper');
same(3, mb_strlen('日本語', 'UTF-8'), 'mb_strlen');
same('93fa967b8cea', bin2hex(mb_convert_encoding('日本語', 'SJIS', 'UTF-8')), 'mb_convert_encoding');
mb_regex_encoding('UTF-8');
check((bool) mb_ereg('(\p{Han}+)', 'in 日本語 here', $found), 'mb_ereg');
same('日本語', $found[1], 'mb_ereg, what it found');
same('a–b', mb_ereg_replace('\s+', '–', 'a   b'), 'mb_ereg_replace');

// iconv, from glibc
same('6100ac20', bin2hex(iconv('UTF-8', 'UTF-16LE', 'a€')), 'iconv');
same(2, iconv_strlen('a€', 'UTF-8'), 'iconv_strlen');

// PCRE
same(1, preg_match('/^(?<word>\p{L}+)\s(?=\d)/u', 'Größe 42', $found), 'preg_match');
same('Größe', $found['word'], 'preg_match, what it found');
same('1', ini_get('pcre.jit'), "PCRE's JIT");

// bcmath
same('3.14159265358979323846', bcadd('3', '0.14159265358979323846', 20), 'bcadd');
same('1267650600228229401496703205376', bcpow('2', '100'), 'bcpow');
same('1.41421356237309504880', bcsqrt('2', 20), 'bcsqrt');

// ctype, filter, tokenizer, JSON
check(ctype_xdigit('00ff') && !ctype_xdigit('no'), 'ctype');
same('a@example.org', filter_var('a@example.org', FILTER_VALIDATE_EMAIL), 'filter');
same('T_OPEN_TAG', token_name(token_get_all('<?php 1;')[0][0]), 'tokenizer');
same(['€' => [1, 2.5, null]], json_decode('{"\u20ac": [1, 2.5, null]}', true), 'JSON');

// dates: PHP has the time zones itself
$summer = new DateTimeImmutable('2024-07-01 12:00', new DateTimeZone('Europe/Berlin'));
same('2024-07-01T10:00:00+00:00', $summer->setTimezone(new DateTimeZone('UTC'))->format('c'), 'time zones');

// hashes and passwords, with PHP's own crypt()
same('a9993e36', substr(hash('sha1', 'abc'), 0, 8), 'hash');
check(password_verify('secret', password_hash('secret', PASSWORD_BCRYPT, ['cost' => 4])), 'bcrypt');
same('rl.3StKT.4T8M', crypt('rasmuslerdorf', 'rl'), 'DES');
$sha512 = crypt('rasmuslerdorf', '$6$rounds=5000$usesomesillystringforsalt$');
same('$6$rounds=5000$usesomesillystri$D4IrlXatmP7rx3P3', substr($sha512, 0, 48), 'SHA-512');

echo "ok\n";
