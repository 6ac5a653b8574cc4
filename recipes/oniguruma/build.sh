# Oniguruma: the library alone.
# shellcheck shell=bash

hide_symbols
[ -e configure ] || autoreconf --force --install
./configure "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
make SUBDIRS=src
make SUBDIRS=src install
licence COPYING
