<?php

declare(strict_types=1);

namespace Layersmith\Bootstrap;

/**
 * Links the compiled code of packages into the folder of opcache's file cache. The packages' ini files have enabled opcache.
 * If none of the code can be used, disables opcache, so that it fills no cache of its own.
 */
function use_compiled_code(string $root): void
{
    if (\ini_get('opcache.file_cache') !== FILE_CACHE_FOLDER || \ini_get('opcache.file_cache_only') !== '1') {
        return; // no package has compiled code, or the function has its own settings
    }
    $used = false;
    $packages = ['opt' => COMPILED_VENDOR_FOLDER] + ($root === TASK_ROOT ? ['var' => COMPILED_FUNCTION_FOLDER] : []);
    foreach ($packages as $top => $folder) {
        if (!\is_file("$folder/index.json")) {
            continue;
        }
        $why = link_compiled_code("$folder/index.json", "$folder/files/$top", $top);
        $used = $used || $why === null;
        if ($why !== null) {
            log_line("the compiled code in $folder is not used: $why");
        }
    }
    if (!$used) {
        \ini_set('opcache.enable', '0');
    }
}

/** Links compiled code into the cache. Returns why it cannot be used (other layer, changed files), or null. */
function link_compiled_code(string $index, string $files, string $top): ?string
{
    $index = \json_decode((string) \file_get_contents($index), true);
    if (!\is_array($index) || ($index['schemaVersion'] ?? null) !== COMPILED_INDEX_VERSION) {
        return 'this bootstrap does not know the version of its index';
    }
    if (!\is_file(LAYER_MANIFEST) || \hash_file('sha256', LAYER_MANIFEST) !== $index['layer']) {
        return 'it was compiled for another layer: ' . $index['layerName'];
    }
    $probe = $index['probe'];
    if (!\is_file($probe['path']) || \filemtime($probe['path']) !== $probe['mtime']) {
        return $probe['path'] . ' is not the file that was compiled';
    }
    $cache = FILE_CACHE_FOLDER . '/' . $index['systemId'];
    if (!\is_dir($cache)) {
        @\mkdir($cache, 0700);
    }
    if (!\is_link("$cache/$top")) {
        @\symlink($files, "$cache/$top");
    }
    return @\readlink("$cache/$top") === $files ? null : "cannot link it into $cache";
}
