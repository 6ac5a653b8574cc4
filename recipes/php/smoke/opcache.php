<?php

// opcache keeps what was compiled, and its JIT runs. Started with opcache.enable_cli=1 and a buffer for the JIT.
require __DIR__ . '/lib/check.php';

$folder = temporary_folder();
file_put_contents("$folder/cached.php", '<?php return function ($n) { return $n < 2 ? $n : 2 * $n; };');
// A file that changed in the last two seconds might still be written to, so opcache leaves it alone.
touch("$folder/cached.php", time() - 60);
$twice = require "$folder/cached.php";
same(42, $twice(21), 'a cached function');

$status = opcache_get_status();
check(is_array($status) && $status['opcache_enabled'], 'opcache is enabled');
check(opcache_is_script_cached("$folder/cached.php"), 'the file is cached');
check($status['memory_usage']['used_memory'] > 0, 'memory is used');
check(opcache_invalidate("$folder/cached.php", true), 'opcache_invalidate');

if (PHP_VERSION_ID >= 80100) {
    same(true, $status['jit']['on'], 'the JIT is on');
    $free = $status['jit']['buffer_free'];
    for ($sum = 0, $n = 0; $n < 100000; $n++) {
        $sum += $twice($n) % 7;
    }
    same(300000 - 3, $sum, 'a loop that the JIT compiles');
    check(opcache_get_status(false)['jit']['buffer_free'] < $free, 'the JIT compiled something');
}

echo "ok\n";
