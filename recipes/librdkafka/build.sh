# librdkafka: the C library alone, with OpenSSL, zlib, zstd, and its own copies of LZ4 and Snappy.
# shellcheck shell=bash

hide_symbols
# Else its header makes the API visible again.
sed -i 's/__attribute__((visibility("default")))//' src/rdkafka.h
options=(
  --cc="$CC" --cxx="$CXX" --prefix="$PREFIX" --enable-static --disable-lz4-ext --disable-gssapi --disable-curl
  --enable-ssl --enable-zlib --enable-zstd --disable-syslog
)
# Its own kind of configure, which takes no other name of a platform than this.
./configure "${options[@]}" --host="$LAYERSMITH_HOST"
make -C src librdkafka.a rdkafka-static.pc rdkafka.pc
install -d "$DESTDIR$PREFIX"/{include/librdkafka,lib/pkgconfig}
install -m 644 src/rdkafka.h src/rdkafka_mock.h "$DESTDIR$PREFIX/include/librdkafka/"
install -m 644 src/librdkafka.a "$DESTDIR$PREFIX/lib/"
install -m 644 src/rdkafka-static.pc "$DESTDIR$PREFIX/lib/pkgconfig/rdkafka.pc"
licence LICENSES.txt
