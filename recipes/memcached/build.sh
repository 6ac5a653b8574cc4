# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
build_extension --enable-memcached --disable-memcached-sasl --enable-memcached-igbinary --with-zlib-dir="$PREFIX"
# FastLZ has its licence in its header only.
sed -n '/Copyright/,/SOFTWARE[.]$/p' fastlz/fastlz.h >LICENSE.fastlz
licence LICENSE.fastlz
