# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
build_extension --enable-swoole --enable-openssl --with-openssl-dir="$PREFIX" --enable-brotli --enable-zstd --enable-sockets \
  --enable-mysqlnd --enable-swoole-curl
