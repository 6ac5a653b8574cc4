# libpng: the library alone, with its SSE and NEON code.
# shellcheck shell=bash

hide_symbols
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  --disable-tests --disable-tools --enable-hardware-optimizations
)
./configure "${options[@]}"
make
make install
licence LICENSE
