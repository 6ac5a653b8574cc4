#!/bin/sh
# Lints runtimes/ with each language's own tools: the source files, and the programs that layersmith generates from them, where every
# name must be defined. Needs build/, test/other-php/node_modules, and php, phpcs, luac5.4 and luacheck.
set -eu
cd "$(dirname "$0")/.."

generated=$(mktemp -d)
trap 'rm -rf "$generated"' EXIT
node scripts/write-generated.mjs "$generated"

# The oldest and the newest PHP, as WebAssembly.
node test/other-php/lint.mjs runtimes/php/compile.php runtimes/php/bootstrap/*.php "$generated"/php-*
phpcs --standard=runtimes/php/phpcs.xml -q runtimes/php

# One file at a time: luac5.4 of Debian 12 crashes with several.
for file in runtimes/lua/bootstrap/*.lua "$generated/lua-bootstrap"; do
  luac5.4 -p "$file"
done
luacheck --config runtimes/lua/.luacheckrc --no-color --quiet "$generated/lua-bootstrap"
