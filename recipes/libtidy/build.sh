# HTML Tidy: the library alone. Without the program, it reads no configuration files of its own either.
# shellcheck shell=bash

hide_symbols
# Its messages name source files, which CMake gives to the compiler by their full path.
if "$CC" -fmacro-prefix-map=/build=. -E -x c /dev/null >/dev/null 2>&1; then
  export CFLAGS+=" -fmacro-prefix-map=$PWD/="
fi
options=(
  "${CMAKE_TARGET[@]}"
  -DCMAKE_INSTALL_PREFIX="$PREFIX" -DLIB_INSTALL_DIR=lib -DCMAKE_BUILD_TYPE=None
  -DBUILD_SHARED_LIB=OFF -DSUPPORT_CONSOLE_APP=OFF -DSUPPORT_LOCALIZATIONS=OFF
)
# Amazon Linux 2's `cmake` is older than the file says that it needs.
cmake=$(command -v cmake3 || command -v cmake)
"$cmake" "${options[@]}" -S . -B build/layer
make -C build/layer
make -C build/layer install
licence README/LICENSE.md
