<?php

// zlib, zip archives (encrypted ones too) and phar's archives, there and back.
require __DIR__ . '/lib/check.php';

$text = str_repeat('The quick brown fox jumps over the lazy dog. ', 1000);
$folder = temporary_folder();

same($text, gzuncompress(gzcompress($text, 9)), 'zlib');
same($text, gzdecode(gzencode($text)), 'gzip');
same($text, gzinflate(gzdeflate($text)), 'deflate');
check(strlen(gzencode($text, 9)) < strlen($text) / 50, 'gzip makes it shorter');
file_put_contents("compress.zlib://$folder/text.gz", $text);
same($text, file_get_contents("compress.zlib://$folder/text.gz"), 'the compress.zlib:// stream');
$inflating = inflate_init(ZLIB_ENCODING_GZIP);
same($text, inflate_add($inflating, file_get_contents("$folder/text.gz"), ZLIB_FINISH), 'inflate in parts');

$zip = new ZipArchive();
same(true, $zip->open("$folder/a.zip", ZipArchive::CREATE), 'ZipArchive::open');
$zip->addFromString('folder/text', $text);
$zip->addFromString('secret', $text);
check($zip->setEncryptionName('secret', ZipArchive::EM_AES_256, 'a password'), 'encryption');
check($zip->close(), 'ZipArchive::close');
same($text, file_get_contents("zip://$folder/a.zip#folder/text"), 'the zip:// stream');
$zip = new ZipArchive();
$zip->open("$folder/a.zip");
same(2, $zip->numFiles, 'the number of files');
same(false, @$zip->getFromName('secret'), 'an encrypted file without its password');
$zip->setPassword('a password');
same($text, $zip->getFromName('secret'), 'an encrypted file');
check($zip->extractTo($folder, ['folder/text']), 'ZipArchive::extractTo');
same($text, file_get_contents("$folder/folder/text"), 'an extracted file');

$tar = new PharData("$folder/a.tar");
$tar['folder/text'] = $text;
$packed = $tar->compress(Phar::GZ);
same($text, $packed['folder/text']->getContent(), 'phar');
same($text, file_get_contents("phar://$folder/a.tar.gz/folder/text"), 'the phar:// stream');

echo "ok\n";
