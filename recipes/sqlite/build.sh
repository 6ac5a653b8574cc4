# SQLite: the library alone, from the amalgamation (sqlite3.c) or from the source tree that makes one (needs tclsh).
# shellcheck shell=bash

hide_symbols
CFLAGS+=" -DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_FTS3_PARENTHESIS -DSQLITE_ENABLE_FTS4"
CFLAGS+=" -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS"
options=("${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-readline)
[ -e sqlite3.c ] || options+=(--disable-tcl)
# For the tool that generates the amalgamation.
export CC_FOR_BUILD="$BUILD_CC"
./configure "${options[@]}"
# From 3.48 on without libtool.
if [ -e auto.def ]; then library=libsqlite3.a; else library=.libs/libsqlite3.a; fi
if [ -e auto.def ]; then make libsqlite3.a; else make libsqlite3.la; fi

# They have different names for installing the library without the shell.
install -d "$DESTDIR$PREFIX"/{include,lib/pkgconfig}
install -m 644 sqlite3.h sqlite3ext.h "$DESTDIR$PREFIX/include/"
install -m 644 "$library" "$DESTDIR$PREFIX/lib/"
install -m 644 sqlite3.pc "$DESTDIR$PREFIX/lib/pkgconfig/"
# Public domain: the dedication stands at the head of the sources.
sed -n '1,/\*\//p' sqlite3.h >LICENSE
licence LICENSE
