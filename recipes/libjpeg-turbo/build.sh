# libjpeg-turbo: libjpeg alone, without the TurboJPEG API.
# shellcheck shell=bash

hide_symbols
# Upstream's own choice.
export CFLAGS=${CFLAGS/-O2/-O3}
# Its code for arm64 is C with NEON intrinsics; that for x86_64 is for an assembler (nasm) that no toolchain image has.
if [ "$LAYERSMITH_ARCH" = arm64 ]; then simd=1; else simd=0; fi
options=(
  "${CMAKE_TARGET[@]}"
  -DCMAKE_INSTALL_PREFIX="$PREFIX" -DCMAKE_INSTALL_LIBDIR="$PREFIX/lib"
  -DCMAKE_BUILD_TYPE=None -DENABLE_SHARED=OFF -DENABLE_STATIC=ON -DWITH_TURBOJPEG=OFF
  -DWITH_SIMD="$simd" -DREQUIRE_SIMD="$simd"
  # Instead of the day of the build.
  -DBUILD=layersmith
)
# Amazon Linux 2's `cmake` is too old for it.
cmake=$(command -v cmake3 || command -v cmake)
"$cmake" "${options[@]}" -S . -B build
make -C build jpeg-static

# Its own `install` wants the programs as well.
install -d "$DESTDIR$PREFIX"/{include,lib/pkgconfig}
install -m 644 src/{jerror,jmorecfg,jpeglib}.h build/jconfig.h "$DESTDIR$PREFIX/include/"
install -m 644 build/libjpeg.a "$DESTDIR$PREFIX/lib/"
install -m 644 build/pkgscripts/libjpeg.pc "$DESTDIR$PREFIX/lib/pkgconfig/"
licence LICENSE.md README.ijg
