# The drawing library is PHP's own copy.
# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
build_extension --enable-gd --with-jpeg --with-webp --with-freetype
