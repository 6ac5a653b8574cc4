# Brotli: the libraries alone, without its program.
# shellcheck shell=bash

hide_symbols
# Upstream's own choice.
export CFLAGS=${CFLAGS/-O2/-O3}
options=(
  "${CMAKE_TARGET[@]}"
  -DCMAKE_INSTALL_PREFIX="$PREFIX" -DCMAKE_INSTALL_LIBDIR=lib
  -DCMAKE_BUILD_TYPE=None -DBUILD_SHARED_LIBS=OFF -DBROTLI_DISABLE_TESTS=ON
)
# Amazon Linux 2's `cmake` is too old for it.
cmake=$(command -v cmake3 || command -v cmake)
"$cmake" "${options[@]}" -S . -B build
make -C build brotlicommon brotlidec brotlienc

# Its own `install` wants the program as well.
install -d "$DESTDIR$PREFIX"/{include/brotli,lib/pkgconfig}
install -m 644 c/include/brotli/*.h "$DESTDIR$PREFIX/include/brotli/"
install -m 644 build/libbrotli{common,dec,enc}.a "$DESTDIR$PREFIX/lib/"
install -m 644 build/libbrotli{common,dec,enc}.pc "$DESTDIR$PREFIX/lib/pkgconfig/"
# The encoder calls log2().
echo "Libs.private: -lm" >>"$DESTDIR$PREFIX/lib/pkgconfig/libbrotlienc.pc"
licence LICENSE
