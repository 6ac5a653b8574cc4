# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# An archive may have several versions, each in a folder: this one alone.
find . -mindepth 1 -delete
tar -xf /build/sources/mongodb/* --strip-components=1 --no-same-owner "mongodb-$LAYERSMITH_VERSION"
# With its own libmongoc and libbson.
build_extension --enable-mongodb --with-mongodb-ssl=openssl --with-mongodb-sasl=no --with-mongodb-snappy=no \
  --with-mongodb-zlib=yes --with-mongodb-zstd=yes --with-mongodb-icu=no --with-mongodb-client-side-encryption=no \
  --with-openssl-dir="$PREFIX"
