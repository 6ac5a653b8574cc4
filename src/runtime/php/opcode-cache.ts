/** Code that packages bring compiled (src/package/compiled-code.ts writes what this reads). */
export const OPCODE_CACHE = String.raw`/**
 * Lets PHP find what packages bring compiled. Their own settings turned opcache on, with its cache below /tmp:
 * there it finds links to them. Nothing else is compiled into that cache when none of it can be used.
 */
function use_compiled_code(string $root): void
{
    if (\ini_get('opcache.file_cache') !== '/tmp' || \ini_get('opcache.file_cache_only') !== '1') {
        return; // none, or the function has settings of its own
    }
    $used = false;
    $packages = ['opt' => '/opt/share/layersmith/opcache'] + ($root === '/var/task' ? ['var' => "$root/.layersmith/opcache"] : []);
    foreach ($packages as $top => $folder) {
        if (!\is_file("$folder/index.json")) {
            continue;
        }
        $why = why_not_compiled("$folder/index.json", "$folder/files/$top", $top);
        $used = $used || $why === null;
        if ($why !== null) {
            log_line("the compiled code in $folder is not used: $why");
        }
    }
    if (!$used) {
        \ini_set('opcache.enable', '0');
    }
}

/** Makes the link that PHP follows; says why not where the code is for another layer, or its files have other times. */
function why_not_compiled(string $index, string $files, string $top): ?string
{
    $index = \json_decode((string) \file_get_contents($index), true);
    if (!\is_array($index) || ($index['schemaVersion'] ?? null) !== 1) {
        return 'this bootstrap does not know its form';
    }
    $manifest = '/opt/share/layersmith/manifest.json';
    if (!\is_file($manifest) || \hash_file('sha256', $manifest) !== $index['layer']) {
        return 'it was made for the layer of ' . $index['layerName'] . ', and this is another one';
    }
    $probe = $index['probe'];
    if (!\is_file($probe['path']) || \filemtime($probe['path']) !== $probe['mtime']) {
        return $probe['path'] . ' is not the file that was compiled';
    }
    $cache = '/tmp/' . $index['systemId'];
    if (!\is_dir($cache)) {
        @\mkdir($cache, 0700);
    }
    if (!\is_link("$cache/$top")) {
        @\symlink($files, "$cache/$top");
    }
    return @\readlink("$cache/$top") === $files ? null : "there is no link to it in $cache";
}
`;
