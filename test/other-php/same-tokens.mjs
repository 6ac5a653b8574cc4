// node same-tokens.mjs FOLDER OTHER
// Compares the PHP files of two folders by PHP's own tokenizer, without comments and space. Prints the names of those that differ.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadNodeRuntime } from '@php-wasm/node';
import { PHP } from '@php-wasm/universal';

const COMPARE = `<?php
function code(string $file): array {
    $code = [];
    foreach (token_get_all(file_get_contents($file), TOKEN_PARSE) as $token) {
        if (!is_array($token)) {
            $code[] = $token;
        } elseif (!in_array($token[0], [T_COMMENT, T_DOC_COMMENT, T_WHITESPACE], true)) {
            $code[] = [$token[0], $token[0] === T_OPEN_TAG ? trim($token[1]) : $token[1]];
        }
    }
    return $code;
}
foreach (array_diff(scandir('/a'), ['.', '..']) as $file) {
    if (code("/a/$file") !== code("/b/$file")) {
        echo "$file\\n";
    }
}
`;

const php = new PHP(await loadNodeRuntime('8.5'));
for (const [index, folder] of process.argv.slice(2).entries()) {
  const inside = ['/a', '/b'][index];
  php.mkdir(inside);
  for (const name of await readdir(folder))
    php.writeFile(`${inside}/${name}`, await readFile(join(folder, name)));
}
php.writeFile('/compare.php', COMPARE);
const ended = await php.cli(['php', '/compare.php']);
process.stdout.write(await ended.stdoutText);
process.exit(await ended.exitCode);
