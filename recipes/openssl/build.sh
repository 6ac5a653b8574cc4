# OpenSSL: the static libraries and headers alone, for every line from 1.0.1 on.
# shellcheck shell=bash

hide_symbols
# Upstream's own choice. From 1.1 on, Configure takes it from the environment.
CFLAGS=${CFLAGS/-O2/-O3}
# OPENSSLDIR is Lambda's own: there lie the certificates that the platform keeps up to date.
options=(--prefix="$PREFIX" --openssldir=/etc/pki/tls no-shared)

if [ "$LAYERSMITH_ARCH" = x86_64 ]; then
  target=linux-x86_64
elif version_at_least 1.0.2; then
  target=linux-aarch64
else
  target=linux-generic64
fi

if version_at_least 1.1; then
  options+=(--libdir=lib no-tests)
  # Nothing of it is loaded at run time, and PHP has no use for QUIC.
  version_at_least 3 && options+=(no-docs no-apps no-module no-engine no-quic)
  ./Configure "$target" "${options[@]}"
  make build_libs
  # Its Makefile sets DESTDIR itself, so the environment's does not reach it.
  make install_dev DESTDIR="$DESTDIR"
else
  # The time of the build stands in the library.
  # shellcheck disable=SC2016 # Perl's variables
  sed -i 's|^\(my \)\?\$date = .*|my $date = gmtime($ENV{SOURCE_DATE_EPOCH}) . " UTC";|' util/mkbuildinf.pl
  # Its assembler files do not say that they need no executable stack.
  # shellcheck disable=SC2086 # CFLAGS are several words
  ./Configure "$target" "${options[@]}" no-ssl2 -Wa,--noexecstack $CFLAGS
  # Its Makefiles do not say what must come before what.
  make -j1 depend
  make -j1 build_libs libcrypto.pc libssl.pc openssl.pc
  make -j1 install_sw INSTALL_PREFIX="$DESTDIR" DIRS="crypto ssl"
fi
if version_at_least 3; then licence LICENSE.txt; else licence LICENSE; fi
