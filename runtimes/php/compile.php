<?php

declare(strict_types=1);

// Fills an opcode cache with the layer's PHP for the files in WORK_FOLDER/files.json, and writes it to RESULT_FOLDER with the
// same bytes in every run. PHP writes uninitialized memory, mostly addresses, and the time into its cache. So the cache is filled
// several times, by processes with other addresses at other times. Files, paths and file times are the same, so whatever differs
// between the fills is uninitialized or a time, and is zeroed. malloc fills memory with a fixed byte (mallopt(3), M_PERTURB).

const MIN_FILLS = 8;
const MAX_FILLS = 60;
const BETWEEN_FILLS_US = 50000;
const ENVIRONMENT = [
    'USE_ZEND_ALLOC' => '0',
    'GLIBC_TUNABLES' => 'glibc.malloc.tcache_count=0:glibc.malloc.perturb=255',
];
/** zend_file_cache_metainfo: magic, system id, three sizes, time, checksum, padding (ext/opcache/zend_file_cache.c). */
const HEADER_BYTES = 80;
const CHECKSUM_AT = 72;

function fail(string $why): void
{
    \fwrite(STDERR, "compile.php: $why\n");
    exit(1);
}

/** Fills the cache once, in its own process. */
function fill(): void
{
    $files = \json_decode((string) \file_get_contents(WORK_FOLDER . '/files.json'), true);
    foreach ($files as $file) {
        try {
            @\opcache_compile_file($file);
        } catch (\Throwable $error) {
            // PHP reports it again when the function loads the file.
        }
    }
    $maps = (string) \file_get_contents('/proc/self/maps');
    // PHP stores the request time as the last use of a file.
    $addresses = [$_SERVER['REQUEST_TIME']];
    // The upper halves of the addresses of program, libraries and stack. They have few values.
    foreach (['/bin/php$', 'libc[.-].*$', '\[stack\]$'] as $pattern) {
        $addresses[] = \preg_match('~^([0-9a-f]+)([0-9a-f]{8})-.*' . $pattern . '~m', $maps, $match) === 1 ? $match[1] : '';
    }
    \file_put_contents(WORK_FOLDER . '/addresses.json', \json_encode($addresses));
    // Skip the shutdown, which would only free memory.
    \posix_kill(\posix_getpid(), 9);
}

/**
 * Fills the cache in a child process, always at the same path, and moves it to $target.
 *
 * @return array<int, int|string> the start time and the addresses of the process
 */
function fill_into(string $target): array
{
    $cache = WORK_FOLDER . '/cache';
    \mkdir($cache);
    $pid = \pcntl_fork();
    if ($pid === 0) {
        $settings = [
            'enable=1', 'enable_cli=1', "file_cache=$cache", 'file_cache_only=0', 'file_update_protection=0', 'max_file_size=0',
            'validate_timestamps=1', 'memory_consumption=512', 'interned_strings_buffer=32', 'max_accelerated_files=200000',
            'jit_buffer_size=0', 'preload=', 'blacklist_filename=', 'use_cwd=1', 'file_cache_consistency_checks=1',
        ];
        $arguments = [];
        $others = ['display_errors=0', 'log_errors=0', 'auto_prepend_file=', 'variables_order=EGPCS', 'memory_limit=-1'];
        foreach ($others as $setting) {
            \array_push($arguments, '-d', $setting);
        }
        foreach ($settings as $setting) {
            \array_push($arguments, '-d', "opcache.$setting");
        }
        \pcntl_exec(PHP_PROGRAM, \array_merge($arguments, [__FILE__, 'fill']), ENVIRONMENT);
        exit(1);
    }
    \pcntl_waitpid($pid, $status);
    if (!\is_file(WORK_FOLDER . '/addresses.json')) {
        fail('PHP did not fill its cache');
    }
    $addresses = \json_decode((string) \file_get_contents(WORK_FOLDER . '/addresses.json'), true);
    \unlink(WORK_FOLDER . '/addresses.json');
    \rename($cache, $target);
    return $addresses;
}

/**
 * Returns the file with its uninitialized bytes zeroed.
 *
 * @param string[] $versions its bytes after each fill
 */
function canonical(array $versions, string $path): string
{
    $result = $versions[0];
    $size = \strlen($result);
    $sizes = \unpack('Pmemory/Pstrings', \substr($result, 40, 16));
    if (\substr($result, 0, 7) !== 'OPCACHE' || HEADER_BYTES + $sizes['memory'] + $sizes['strings'] !== $size) {
        fail("$path: unknown file format: this version of PHP is not supported");
    }
    $varies = \str_repeat("\0", $size);
    foreach ($versions as $version) {
        if (\strlen($version) !== $size) {
            fail("$path was compiled to files of different sizes");
        }
        $varies |= $versions[0] ^ $version;
    }
    for ($at = HEADER_BYTES; ($at += \strspn($varies, "\0", $at)) < $size; $at = $word + 4) {
        $word = $at & ~3;
        $mask = \substr($varies, $word, 4);
        if (is_half_of_address($versions, $word) || is_time($versions, $word)) {
            $mask = "\1\1\1\1";
        } elseif (\rtrim(\substr($mask, 2), "\0") !== '') {
            // A short field is at the start of its word. The padding after it is uninitialized.
            $mask = \str_pad(\str_repeat("\0", $at - $word), 4, "\1");
        }
        for ($byte = 0; $byte < \strlen($mask) && $word + $byte < $size; $byte++) {
            if ($mask[$byte] !== "\0") {
                $result[$word + $byte] = "\0";
            }
        }
    }
    $checksum = \strrev(\hash('adler32', \substr($result, HEADER_BYTES), true));
    return \substr($result, 0, CHECKSUM_AT) . $checksum . "\0\0\0\0" . \substr($result, HEADER_BYTES);
}

/** Returns a 32-bit word. Bytes past the end are 0. */
function word_at(string $version, int $at): int
{
    return \unpack('V', \str_pad(\substr($version, $at, 4), 4, "\0"))[1];
}

/**
 * Returns whether the word is the upper half of an address of a program, library or stack, or 0, in every version.
 *
 * @param string[] $versions
 */
function is_half_of_address(array $versions, int $at): bool
{
    foreach ($versions as $version) {
        $value = word_at($version, $at);
        $isHalf = $value === 0 || ($value >= 0x5500 && $value < 0x5700) || ($value >= 0x7e00 && $value < 0x8000)
            || ($value >= 0xaa00 && $value < 0xac00) || ($value >= 0xfe00 && $value < 0x10000);
        if (!$isHalf) {
            return false;
        }
    }
    return true;
}

/**
 * Returns whether the word is a time of this run in every version. PHP stores when a file was last used.
 *
 * @param string[] $versions
 */
function is_time(array $versions, int $at): bool
{
    foreach ($versions as $version) {
        if (\abs(word_at($version, $at) - \time()) > 3600) {
            return false;
        }
    }
    return true;
}

if (($argv[1] ?? '') === 'fill') {
    fill();
}

$fills = 0;
$seen = [];
do {
    foreach (fill_into(WORK_FOLDER . "/fill$fills") as $what => $half) {
        $seen[$what][$half] = true;
    }
    $fills++;
    $varied = \min(\array_map('count', $seen)) >= 2;
    \usleep($varied ? 0 : BETWEEN_FILLS_US);
} while ($fills < MIN_FILLS || (!$varied && $fills < MAX_FILLS));

$ids = \array_values(\array_diff((array) \scandir(WORK_FOLDER . '/fill0'), ['.', '..']));
if (\count($ids) > 1) {
    fail('PHP filled more than one cache folder');
}
$files = \json_decode((string) \file_get_contents(WORK_FOLDER . '/files.json'), true);
$missing = [];
foreach ($files as $file) {
    $versions = [];
    for ($fill = 0; $fill < $fills; $fill++) {
        $path = WORK_FOLDER . "/fill$fill/" . ($ids[0] ?? '') . "$file.bin";
        if (\is_file($path)) {
            $versions[] = \file_get_contents($path);
        }
    }
    // Leave out a file that PHP did not put into every cache.
    if (\count($versions) < $fills) {
        $missing[] = $file;
        continue;
    }
    $target = RESULT_FOLDER . "/files$file.bin";
    @\mkdir(\dirname($target), 0777, true);
    \file_put_contents($target, canonical($versions, $file));
}
@\mkdir(RESULT_FOLDER);
\file_put_contents(RESULT_FOLDER . '/report.json', \json_encode([
    'systemId' => $ids[0] ?? '',
    'missing' => $missing,
    'fills' => $fills,
    'varied' => $varied,
]));
