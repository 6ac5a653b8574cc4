# librabbitmq: the library alone, with TLS by OpenSSL.
# shellcheck shell=bash

hide_symbols
# Its messages name source files, which CMake gives to the compiler by their full path.
if "$CC" -fmacro-prefix-map=/build=. -E -x c /dev/null >/dev/null 2>&1; then
  export CFLAGS+=" -fmacro-prefix-map=$PWD/="
fi
options=(
  "${CMAKE_TARGET[@]}"
  -DCMAKE_INSTALL_PREFIX="$PREFIX" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_PREFIX_PATH="$PREFIX"
  -DCMAKE_BUILD_TYPE=None -DBUILD_SHARED_LIBS=OFF -DBUILD_STATIC_LIBS=ON -DOPENSSL_USE_STATIC_LIBS=TRUE
  -DBUILD_EXAMPLES=OFF -DBUILD_TOOLS=OFF -DBUILD_TOOLS_DOCS=OFF -DBUILD_API_DOCS=OFF
)
# Every supported glibc has clock_gettime() itself. Without librt, the line would write a lone `-l` into the .pc file.
# shellcheck disable=SC2016 # CMake's variable
sed -i '/-l${LIBRT}/d' CMakeLists.txt
if version_at_least 0.12; then
  options+=(-DBUILD_TESTING=OFF)
  # Amazon Linux 2's CMake is older than the file asks for, and lacks but this.
  # shellcheck disable=SC2016
  sed -i -e 's/^cmake_minimum_required.*/cmake_minimum_required(VERSION 3.17...3.26)/' \
    -e 's/^cmake_path(APPEND libdir .*/set(libdir "\\${exec_prefix}\/lib")/' \
    -e 's/^cmake_path(APPEND includedir .*/set(includedir "\\${prefix}\/include")/' CMakeLists.txt
else
  options+=(-DBUILD_TESTS=OFF)
  # Its header would make the API visible again.
  sed -i 's/__attribute__((visibility("default")))//' librabbitmq/amqp.h
fi
# What OpenSSL needs in turn is known to its own .pc files.
sed -i 's/^Requires.private:.*/Requires.private: openssl/' librabbitmq.pc.in
cmake=$(command -v cmake3 || command -v cmake)
"$cmake" "${options[@]}" -S . -B build
make -C build
make -C build install
if version_at_least 0.12; then licence LICENSE; else licence LICENSE-MIT; fi
