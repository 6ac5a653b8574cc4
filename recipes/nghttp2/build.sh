# nghttp2: the library alone, without its programs.
# shellcheck shell=bash

hide_symbols
# Else its headers make the API visible again.
CFLAGS+=" -DNGHTTP2_STATICLIB"
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  --enable-lib-only
)
# GitHub's archives of a tag have none.
[ -e configure ] || autoreconf -i
./configure "${options[@]}"
make -C lib
make -C lib install
licence COPYING
