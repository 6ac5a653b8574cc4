# bzip2: the library alone. It has a plain Makefile, whose own CFLAGS are for large files.
# shellcheck shell=bash

hide_symbols
make libbz2.a CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$CFLAGS -D_FILE_OFFSET_BITS=64"
install -d "$DESTDIR$PREFIX"/{include,lib}
install -m 644 bzlib.h "$DESTDIR$PREFIX/include/"
install -m 644 libbz2.a "$DESTDIR$PREFIX/lib/"
licence LICENSE
