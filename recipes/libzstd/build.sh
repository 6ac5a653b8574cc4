# libzstd: the library alone, for one thread.
# shellcheck shell=bash

hide_symbols
# Upstream's own choice.
CFLAGS=${CFLAGS/-O2/-O3}
# Else its headers make the API visible again.
CPPFLAGS+=" -DZSTDLIB_VISIBLE= -DZSTDERRORLIB_VISIBLE= -DZDICTLIB_VISIBLE="
# No assertions: they name files of this build.
CPPFLAGS+=" -DNDEBUG"
# Without the formats that it had before 1.0.
export ZSTD_LEGACY_SUPPORT=0
make -C lib libzstd.a
make -C lib install-static install-includes install-pc
licence LICENSE
