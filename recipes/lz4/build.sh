# LZ4: the library alone.
# shellcheck shell=bash

hide_symbols
# Its Makefile puts -O3, upstream's own choice, before our flags.
CFLAGS=${CFLAGS/-O2/}
# Else its headers make the API visible again.
CPPFLAGS+=" -DLZ4LIB_VISIBILITY= -DLZ4FLIB_VISIBILITY="
make -C lib liblz4.a
make -C lib install BUILD_SHARED=no
licence lib/LICENSE
