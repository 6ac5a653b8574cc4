# libevent: the libraries alone, with OpenSSL.
# shellcheck shell=bash

hide_symbols
# Else its headers make the API visible again.
sed -i 's/__attribute__ *((visibility("default")))//' include/event2/visibility.h
# What a static libcrypto needs in turn.
LIBS=$("$PKG_CONFIG" --libs-only-l libcrypto)
export LIBS
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  --disable-samples --disable-libevent-regress --disable-debug-mode
)
./configure "${options[@]}"
make
make install
licence LICENSE
