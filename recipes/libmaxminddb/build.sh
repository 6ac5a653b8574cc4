# libmaxminddb: the library alone.
# shellcheck shell=bash

hide_symbols
options=(
  "${CMAKE_TARGET[@]}"
  -DCMAKE_INSTALL_PREFIX="$PREFIX" -DCMAKE_INSTALL_LIBDIR="$PREFIX/lib" -DCMAKE_INSTALL_INCLUDEDIR="$PREFIX/include"
  -DCMAKE_BUILD_TYPE=None -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF -DMAXMINDDB_BUILD_BINARIES=OFF
)
# Amazon Linux 2's `cmake` is too old for it.
cmake=$(command -v cmake3 || command -v cmake)
"$cmake" "${options[@]}" -S . -B build
make -C build
make -C build install
licence LICENSE NOTICE
