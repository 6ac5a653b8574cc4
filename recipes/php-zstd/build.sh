# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# With the recipe's library, not its own copy.
LAYERSMITH_PACKAGE=zstd build_extension --enable-zstd --with-libzstd
# The names of this package, beside those of the library's.
mv "$DESTDIR$PREFIX/lib/php/extensions/zstd.so" "$DESTDIR$PREFIX/lib/php/extensions/php-zstd.so"
mv "$DESTDIR$PREFIX/share/licenses/zstd" "$DESTDIR$PREFIX/share/licenses/php-zstd"
