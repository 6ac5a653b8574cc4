# libffi: the library alone.
# shellcheck shell=bash

hide_symbols
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  # Into lib, not into lib64.
  --disable-multi-os-directory
  --disable-docs --disable-raw-api
)
./configure "${options[@]}"
make
make install
licence LICENSE
