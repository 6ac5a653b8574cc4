# libcurl alone, with OpenSSL and zlib.
# shellcheck shell=bash

hide_symbols
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static
  --with-openssl="$PREFIX" --with-zlib="$PREFIX"
  # The certificates that OpenSSL finds by itself, on every platform alike.
  --without-ca-bundle --without-ca-path --with-ca-fallback
  # Our own -fvisibility=hidden is stronger: it hides the API as well.
  --disable-symbol-hiding
  --disable-ldap --disable-ldaps --disable-manual --disable-docs --disable-dependency-tracking
  # Nothing that a toolchain image might happen to have.
  --without-brotli --without-zstd --without-nghttp2 --without-nghttp3 --without-ngtcp2 --without-libidn2
  --without-libpsl --without-libssh2 --without-libssh --without-librtmp --without-libgsasl --without-gssapi
)
./configure "${options[@]}"
make -C lib
make -C lib install
make -C include install
make install-pkgconfigDATA install-binSCRIPTS
licence COPYING
