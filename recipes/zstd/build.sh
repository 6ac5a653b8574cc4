# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# With the recipe's library, not its own copy.
build_extension --enable-zstd --with-libzstd
