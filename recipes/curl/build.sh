# libcurl alone, with OpenSSL and zlib; from 8 on also with HTTP/2, brotli and zstd.
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
  --without-nghttp3 --without-ngtcp2 --without-libidn2
  --without-libpsl --without-libssh2 --without-libssh --without-librtmp --without-libgsasl --without-gssapi
)
if version_at_least 8; then
  options+=(--with-brotli --with-zstd --with-nghttp2)
else
  options+=(--without-brotli --without-zstd --without-nghttp2)
fi
./configure "${options[@]}"
if version_at_least 8; then
  # It would go on without.
  for feature in USE_NGHTTP2 HAVE_BROTLI HAVE_ZSTD; do
    grep -q "^#define $feature 1" lib/curl_config.h
  done
fi
# Not the other library in there, which is for its unit tests.
make -C lib libcurl.la
make -C lib install-libLTLIBRARIES
make -C include install
make install-pkgconfigDATA install-binSCRIPTS
licence COPYING
