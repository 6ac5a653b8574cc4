# libxml2: the library alone.
# shellcheck shell=bash

# Its symbols are not hidden: PHP exports them, for extensions that work on PHP's documents.
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  # Only for programs of one thread, such as PHP's command line: no locks, no thread-local look-ups.
  --without-threads
  # PHP reads through its own streams; compressed or remote documents are theirs.
  --without-zlib --without-lzma --without-http --without-ftp
  --without-python --without-icu --without-readline --without-history --without-debug
)
./configure "${options[@]}"
make libxml2.la
make install-libLTLIBRARIES install-pkgconfigDATA install-binSCRIPTS
make -C include install
# From 2.11 on it has another name.
if [ -e COPYING ]; then licence COPYING; else licence Copyright; fi
