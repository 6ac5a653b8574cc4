# LibYAML: the library alone.
# shellcheck shell=bash

hide_symbols
[ -e configure ] || autoreconf --force --install
./configure "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
make SUBDIRS="include src"
make SUBDIRS="include src" install
licence License
