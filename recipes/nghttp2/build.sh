# nghttp2: the library alone, without its programs.
# shellcheck shell=bash

hide_symbols
# Else its headers make the API visible again.
CFLAGS+=" -DNGHTTP2_STATICLIB"
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  --enable-lib-only
)
./configure "${options[@]}"
make -C lib
make -C lib install
licence COPYING
