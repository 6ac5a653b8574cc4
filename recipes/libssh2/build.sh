# libssh2: the library alone, with OpenSSL and zlib.
# shellcheck shell=bash

hide_symbols
# What a static libcrypto needs in turn.
LIBS=$("$PKG_CONFIG" --libs-only-l libcrypto)
export LIBS
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  --with-crypto=openssl --with-libssl-prefix="$PREFIX" --with-libz --with-libz-prefix="$PREFIX"
  # Our own -fvisibility=hidden is stronger: it hides the API as well.
  --disable-hidden-symbols --disable-rpath
  --disable-examples-build --disable-docker-tests --disable-sshd-tests
)
./configure "${options[@]}"
make -C src
make -C src install
make SUBDIRS= install
licence COPYING
