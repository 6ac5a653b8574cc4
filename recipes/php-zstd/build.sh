# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
licence LICENSE
# With the recipe's library, not its own copy.
LAYERSMITH_PACKAGE=zstd build_extension --enable-zstd --with-libzstd
# The file gets the package's name, and the folder stays the library's.
mv "$DESTDIR$PREFIX/lib/php/extensions/zstd.so" "$DESTDIR$PREFIX/lib/php/extensions/php-zstd.so"
rm -r "$DESTDIR$PREFIX/share/licenses/zstd"
