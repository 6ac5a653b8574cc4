<?php

// Every extension that the recipe promises is loaded, and the settings come from the layer.
require __DIR__ . '/lib/check.php';

$promised = [
    'bcmath', 'Core', 'ctype', 'curl', 'date', 'dom', 'exif', 'fileinfo', 'filter', 'ftp', 'hash', 'iconv', 'json',
    'libxml', 'mbstring', 'mysqli', 'mysqlnd', 'openssl', 'pcntl', 'pcre', 'PDO', 'pdo_mysql', 'pdo_sqlite', 'Phar',
    'posix', 'Reflection', 'session', 'SimpleXML', 'sockets', 'sodium', 'SPL', 'sqlite3', 'standard', 'tokenizer',
    'xml', 'xmlreader', 'xmlwriter', 'Zend OPcache', 'zip', 'zlib',
];
$missing = array_diff($promised, array_merge(get_loaded_extensions(), get_loaded_extensions(true)));
same([], array_values($missing), 'extensions that are not loaded');

same('/opt/etc/php/php.ini', php_ini_loaded_file(), 'the php.ini that was loaded');
same('/opt/etc/php', PHP_CONFIG_FILE_PATH, 'the folder of php.ini');
same('/opt/etc/php/conf.d:/var/task/php/conf.d', PHP_CONFIG_FILE_SCAN_DIR, 'the folders of further settings');
same('/opt/lib/php/extensions', PHP_EXTENSION_DIR, 'the folder of extensions');
same(8, PHP_INT_SIZE, 'the size of an integer');
check(!PHP_ZTS, 'it is not the thread-safe build');

echo "ok\n";
