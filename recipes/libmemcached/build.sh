# libmemcached, libmemcachedutil and libhashkit: the libraries alone, without SASL.
# shellcheck shell=bash

# flex, for the machine that compiles. Its `reallocarray` is declared with _GNU_SOURCE only.
(
  cd ../flex || exit
  unset CONFIG_SITE
  ./configure --build="$LAYERSMITH_BUILD" --disable-shared --disable-nls --disable-libfl --disable-dependency-tracking \
    CC="$BUILD_CC" CFLAGS="-O1 -D_GNU_SOURCE" CPPFLAGS='' LDFLAGS='' AR=ar RANLIB=ranlib
  make -C src flex
)
flex=$(cd ../flex/src && pwd)/flex

hide_symbols
# Its messages name source files, which CMake gives to the compiler by their full path.
if "$CC" -fmacro-prefix-map=/build=. -E -x c /dev/null >/dev/null 2>&1; then
  export CFLAGS+=" -fmacro-prefix-map=$PWD/=" CXXFLAGS+=" -fmacro-prefix-map=$PWD/="
fi
# Its headers would make the API visible again.
sed -i 's/__attribute__((visibility("default")))//' include/libmemcached-1.0/visibility.h include/libhashkit-1.0/visibility.h
options=(
  "${CMAKE_TARGET[@]}"
  -DCMAKE_INSTALL_PREFIX="$PREFIX" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_BUILD_TYPE=None
  -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF -DBUILD_DOCS=OFF
  -DENABLE_SASL=OFF -DENABLE_DTRACE=OFF -DENABLE_MEMASLAP=OFF -DENABLE_OPENSSL_CRYPTO=OFF
  -DFLEX_EXECUTABLE="$flex"
)
cmake=$(command -v cmake3 || command -v cmake)
"$cmake" "${options[@]}" -S . -B build
make -C build libmemcached libmemcachedutil libhashkit
install -d "$DESTDIR$PREFIX/lib"
install -m 644 build/src/{libmemcached/libmemcached,libmemcachedutil/libmemcachedutil,libhashkit/libhashkit}.a "$DESTDIR$PREFIX/lib/"
for part in include src/libmemcached src/libhashkit src/libmemcachedutil; do
  "$cmake" -DCMAKE_INSTALL_COMPONENT=dev -P "build/$part/cmake_install.cmake"
done
(cd "$DESTDIR$PREFIX" && rm -r include/libmemcachedprotocol-0.0 lib/cmake)
# Static libraries need each other in this order, and the C++ library after them.
# shellcheck disable=SC2016 # pkg-config's variable
sed 's/^Libs: .*/Libs: -L${libdir} -lmemcachedutil -lmemcached -lhashkit -lstdc++ -lpthread/' build/support/libmemcached.pc >libmemcached.pc
install -D -m 644 libmemcached.pc "$DESTDIR$PREFIX/lib/pkgconfig/libmemcached.pc"
licence LICENSE
