# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
build_extension --with-event-core --with-event-extra --with-event-openssl --enable-event-sockets \
  --with-event-libevent-dir="$PREFIX" --with-openssl-dir="$PREFIX"
