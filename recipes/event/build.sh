# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# What a static libevent_openssl needs in turn.
EVENT_SHARED_LIBADD=$("$PKG_CONFIG" --libs libevent_openssl)
export EVENT_SHARED_LIBADD
build_extension --with-event-core --with-event-extra --with-event-openssl --enable-event-sockets \
  --with-event-libevent-dir="$PREFIX" --with-openssl-dir="$PREFIX"
