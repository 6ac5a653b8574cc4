import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianComposer } from '../../bench/debian-composer.js';
import { packageRoot, startCli } from './cli.js';
import { realEngine } from './real-engine.js';
import { testCache } from './test-cache.js';

/** What a composer.phar has, out of Debian's packages of Composer and what it needs. */
const MAKER = `<?php
ini_set('memory_limit', '-1');
function make() {
    $phar = new Phar('/tmp/composer.phar');
    $phar->startBuffering();
    $root = '/var/task/root/';
    foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator($root, FilesystemIterator::SKIP_DOTS)) as $file) {
        $path = substr($file->getPathname(), strlen($root));
        if (preg_match('~^usr/(share/php/|bin/composer$)~', $path) && $file->isFile()) {
            $source = preg_replace('~^#!.*\\n~', '', file_get_contents($file->getPathname()));
            // Debian's Composer is older than PHP 8.4, and goes round in circles telling what is deprecated there.
            $phar[$path] = preg_replace('~public static function handle\\(int [^{]*\\{~', '$0 if ($level & (E_DEPRECATED | E_USER_DEPRECATED)) return true;', $source);
        }
    }
    // Debian leaves out what Composer brings for a PHP without the extension intl.
    $phar->setStub('<?php
        class Normalizer { const NFD = 4; const NFKD = 8; const NFC = 16; const NFKC = 32; }
        function normalizer_is_normalized($text, $form = 16) { return true; }
        function normalizer_normalize($text, $form = 16) { return $text; }
        function grapheme_strlen($text) { return mb_strlen($text); }
        Phar::mapPhar("composer.phar"); set_include_path("phar://composer.phar/usr/share/php");'
        . ' require "phar://composer.phar/usr/bin/composer"; __HALT_COMPILER();');
    $phar->stopBuffering();
    $phar->compressFiles(Phar::GZ);
    return file_get_contents('/tmp/composer.phar');
}
`;

/**
 * A composer.phar: the real Composer, as Debian packages it, put into a phar by the PHP of a layer. Made once, and kept in the
 * user's cache. Rejects where apt cannot get it.
 */
export async function composerPhar(phpLayer: string): Promise<string> {
  const home = testCache();
  const phar = join(home, 'composer.phar');
  if (
    await access(phar).then(
      () => true,
      () => false,
    )
  )
    return phar;
  await mkdir(home, { recursive: true });
  const folder = await debianComposer();
  try {
    await mkdir(join(folder, 'src'));
    await mkdir(join(folder, 'php', 'conf.d'), { recursive: true });
    await writeFile(join(folder, 'src', 'make.php'), MAKER);
    await writeFile(join(folder, 'php', 'conf.d', 'phar.ini'), 'phar.readonly = Off\n');
    const aside = join(folder, 'made.phar');
    const { endpoint } = await realEngine();
    const ended = await startCli(
      [
        ...['invoke', phpLayer, '--function', folder, '--handler', 'make', '--toolchain', 'debian', '--json'],
        ...['--memory', '1024', '--timeout', '120'],
      ],
      { cwd: packageRoot, env: { DOCKER_HOST: endpoint } },
    ).ended;
    const answer = JSON.parse(ended.stdout) as { readonly payloadEncoding: string; readonly payload: string };
    if (ended.exitCode !== 0 || answer.payloadEncoding !== 'base64')
      throw new Error(`composer.phar could not be made:\n${ended.stdout.slice(0, 2000)}\n${ended.stderr}`);
    await writeFile(aside, Buffer.from(answer.payload, 'base64'));
    await rename(aside, phar);
    return phar;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
