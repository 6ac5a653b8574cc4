# libsodium: the library alone.
# shellcheck shell=bash

hide_symbols
# Its headers would make the API visible again.
CFLAGS+=" -DSODIUM_STATIC"
[ -e configure ] || autoreconf --force --install
./configure "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
make -C src
make -C src install
make install-pkgconfigDATA
licence LICENSE
