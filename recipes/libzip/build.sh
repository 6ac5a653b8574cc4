# libzip: the library alone, with deflate (zlib) and encryption (OpenSSL).
# shellcheck shell=bash

hide_symbols
# It uses INT_MAX without its header, which OpenSSL's headers bring in from 1.1.0 on only.
export CFLAGS+=" -include limits.h"
options=(
  "${CMAKE_TARGET[@]}"
  -DCMAKE_INSTALL_PREFIX="$PREFIX" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_PREFIX_PATH="$PREFIX"
  -DCMAKE_BUILD_TYPE=None -DBUILD_SHARED_LIBS=OFF -DOPENSSL_USE_STATIC_LIBS=TRUE
  -DENABLE_BZIP2=OFF -DENABLE_LZMA=OFF -DENABLE_ZSTD=OFF -DENABLE_GNUTLS=OFF -DENABLE_MBEDTLS=OFF -DENABLE_COMMONCRYPTO=OFF
  -DBUILD_TOOLS=OFF -DBUILD_REGRESS=OFF -DBUILD_EXAMPLES=OFF -DBUILD_DOC=OFF
)
# Amazon Linux 2's `cmake` is too old for it.
cmake=$(command -v cmake3 || command -v cmake)
"$cmake" "${options[@]}" -S . -B build
# It would go on without.
grep -q "^#define HAVE_OPENSSL" build/config.h
make -C build
make -C build install
licence LICENSE
