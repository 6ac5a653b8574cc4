# libuuid of util-linux: the library alone.
# shellcheck shell=bash

hide_symbols
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  --disable-all-programs --enable-libuuid --disable-nls --disable-asciidoc
)
./configure "${options[@]}"
make
make install
licence libuuid/COPYING
