<?php

// The extensions that the recipe promises are compiled in, no others are, and the settings come from the layer.
require __DIR__ . '/lib/check.php';

$promised = [
    'bcmath', 'Core', 'ctype', 'curl', 'date', 'dom', 'exif', 'fileinfo', 'filter', 'ftp', 'hash', 'iconv', 'json',
    'libxml', 'mbstring', 'mysqli', 'mysqlnd', 'openssl', 'pcntl', 'pcre', 'PDO', 'pdo_mysql', 'pdo_sqlite', 'Phar',
    'posix', 'Reflection', 'session', 'SimpleXML', 'sockets', 'sodium', 'SPL', 'sqlite3', 'standard', 'tokenizer',
    'xml', 'xmlreader', 'xmlwriter', 'Zend OPcache', 'zip', 'zlib',
    // What functions and web applications get of Lambda.
    'layersmith',
];
if (PHP_VERSION_ID >= 80200) {
    $promised[] = 'random';
}
if (PHP_VERSION_ID >= 80500) {
    array_push($promised, 'lexbor', 'uri');
}
if (($argv[1] ?? '') === 'minimal') {
    $promised = array_diff($promised, [
        'bcmath', 'curl', 'dom', 'exif', 'fileinfo', 'ftp', 'libxml', 'mysqli', 'mysqlnd', 'PDO', 'pdo_mysql', 'pdo_sqlite',
        'Phar', 'SimpleXML', 'sockets', 'sodium', 'sqlite3', 'xml', 'xmlreader', 'xmlwriter', 'zip',
    ]);
}
$loaded = array_merge(get_loaded_extensions(), get_loaded_extensions(true));
same([], array_values(array_diff($promised, $loaded)), 'extensions that are not loaded');

// Without php.ini, which loads opcache and the chosen extensions. PHP 7.3 can start programs only through a shell.
if (PHP_VERSION_ID >= 70400) {
    $code = 'echo implode(PHP_EOL, get_loaded_extensions());';
    $process = proc_open([PHP_BINARY, '-n', '-r', $code], [1 => ['pipe', 'w']], $pipes);
    $compiled = explode(PHP_EOL, stream_get_contents($pipes[1]));
    same(0, proc_close($process), 'the exit code of PHP without php.ini');
    same([], array_values(array_diff($compiled, $promised)), 'extensions that are compiled in, and not promised');
}

check(!ini_get('short_open_tag'), 'a file that begins with <?xml is no code');
same('/opt/etc/php/php.ini', php_ini_loaded_file(), 'the php.ini that was loaded');
same('/opt/etc/php', PHP_CONFIG_FILE_PATH, 'the folder of php.ini');
same('/opt/etc/php/conf.d:/var/task/php/conf.d', PHP_CONFIG_FILE_SCAN_DIR, 'the folders of further settings');
same('/opt/lib/php/extensions', PHP_EXTENSION_DIR, 'the folder of extensions');
same(8, PHP_INT_SIZE, 'the size of an integer');
check(!PHP_ZTS, 'it is not the thread-safe build');

echo "ok\n";
