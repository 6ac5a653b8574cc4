#!/bin/bash
# The build protocol: what runs inside every stage container, around the package's own build.sh.
#
# Put in by layersmith before the container starts:
#   /build/recipe/          the package's folder: build.sh, patches and whatever else lies there
#   /build/sources/NAME/    one archive for each source of the recipe
#   /opt                    what the needed packages installed (headers, static archives, pkg-config files)
# Taken out afterwards: /build/out/opt.
#
# build.sh is sourced with the first source's unpacked tree as working directory (the others lie beside
# it, as ../NAME), and installs below $DESTDIR with prefix /opt. It calls `make` without -j: the make jobs
# come through a jobserver whose tokens are the bytes that layersmith writes to this container's stdin.
# A file patches/VERSION-*.patch is applied to the first source before build.sh starts.
set -Eeuo pipefail
umask 022

readonly WORK=/build/work
export DESTDIR=/build/out
export PREFIX=/opt
export LC_ALL=C TZ=UTC HOME=/build
# The packages that this one needs, and none of the image's own.
export PKG_CONFIG_LIBDIR=/opt/lib/pkgconfig
# Sections of their own let the interpreter's link drop what it does not use (--gc-sections).
export CFLAGS="-O2 -fPIC -ffunction-sections -fdata-sections"
export CXXFLAGS="$CFLAGS"
# C code is unwound by nobody, and its tables are a fifteenth of a layer. C++ keeps its own, and so does C that is compiled
# with -fexceptions.
CFLAGS+=" -fno-asynchronous-unwind-tables"
export CPPFLAGS="-I/opt/include"
export LDFLAGS="-L/opt/lib"
# The variables that layersmith sets: LAYERSMITH_PACKAGE, LAYERSMITH_KIND (library, extension, interpreter or tool),
# LAYERSMITH_VERSION, LAYERSMITH_ARCH (x86_64 or arm64), LAYERSMITH_HOST (the triple that it is compiled for,
# x86_64-linux-gnu or aarch64-linux-gnu), LAYERSMITH_GLIBC (the platform's version, 2.34), LAYERSMITH_SOURCES
# (names, in the recipe's order), SOURCE_DATE_EPOCH (seconds), and LAYERSMITH_OPTION_NAME for each option of the
# recipe.
: "${LAYERSMITH_PACKAGE:?}" "${LAYERSMITH_KIND:?}" "${LAYERSMITH_VERSION:?}" "${LAYERSMITH_ARCH:?}" "${LAYERSMITH_HOST:?}"
: "${LAYERSMITH_GLIBC:?}" "${LAYERSMITH_SOURCES?}" "${SOURCE_DATE_EPOCH:?}"
# The triple of the machine that compiles.
LAYERSMITH_BUILD=$(uname -m)-linux-gnu
export LAYERSMITH_BUILD
# What build.sh gives to a configure script, and to CMake. --host alone would already mean another machine to configure.
# shellcheck disable=SC2034 # for build.sh
readonly CONFIGURE_TARGET=(--build="$LAYERSMITH_BUILD" --host="$LAYERSMITH_HOST")
# shellcheck disable=SC2034
readonly CMAKE_TARGET=(-DCMAKE_TOOLCHAIN_FILE=/build/toolchain.cmake)

# One line that layersmith recognises: exit status, place and command of what failed.
report_failure() {
  local status=$? command=$BASH_COMMAND source=${BASH_SOURCE[1]} line=${BASH_LINENO[0]}
  trap - ERR
  printf '\n@layersmith failed %s %s:%s %s\n' "$status" "${source##*/}" "$line" "$command" >&2
  exit "$status"
}
trap report_failure ERR

# licence FILE...: keeps the licence texts of what is compiled in, for the layer.
licence() {
  install -d "$DESTDIR/opt/share/licenses/$LAYERSMITH_PACKAGE"
  install -m 644 "$@" "$DESTDIR/opt/share/licenses/$LAYERSMITH_PACKAGE/"
}

# version_at_least X.Y[.Z]: is the package's version at least that one?
version_at_least() {
  [ "$(printf '%s\n%s\n' "$1" "$LAYERSMITH_VERSION" | sort -V | sed -n 1p)" = "$1" ]
}

# For static libraries: no symbol of theirs is to be exported by what they are linked into. It makes the code
# shorter and start-up faster (no look-ups by name). Not for an interpreter whose modules need its symbols.
hide_symbols() {
  CFLAGS+=" -fvisibility=hidden" CXXFLAGS+=" -fvisibility=hidden"
}

# Does what is compiled run on another machine than this one?
is_cross() {
  [ "$LAYERSMITH_BUILD" != "$LAYERSMITH_HOST" ]
}

# The compilers of the target. Their names are plain ones: OpenSSL and PHP keep what $CC says. An image either has a folder
# of tools and a sysroot for each target, or (Amazon Linux) compiles for itself alone.
choose_toolchain() {
  local targets=/usr/lib/layersmith target own sysroot=
  target=$targets/$LAYERSMITH_HOST-$LAYERSMITH_GLIBC
  export CC=gcc CXX=g++ AR=ar RANLIB=ranlib STRIP=strip LD=ld NM=nm
  # For programs that run during the build.
  export BUILD_CC=gcc
  if [ -d "$target/bin" ]; then
    sysroot=$target/sysroot
    # It looks for its `as` and `ld` in PATH, where the target's come first.
    BUILD_CC=/build/bin/build-gcc
    own=$targets/$LAYERSMITH_BUILD-2.34/bin
    # shellcheck disable=SC2016 # the wrapper's own variables
    printf '#!/bin/sh\nPATH=%s:$PATH exec %s/gcc "$@"\n' "$own" "$own" >"$BUILD_CC"
    chmod +x "$BUILD_CC"
    PATH=$target/bin:$PATH
  elif [ -d "$targets" ] || is_cross; then
    echo "the image has no compiler for $LAYERSMITH_HOST with glibc $LAYERSMITH_GLIBC" >&2
    false
  fi
  describe_target "$sysroot" >/build/toolchain.cmake
  # What configure could find out only by running a program of the target.
  if is_cross && [ -e /build/recipe/cross.site ]; then
    export CONFIG_SITE=/build/recipe/cross.site
  fi
}

# A toolchain file for CMake, which finds the target's libraries and headers and those of /opt, and no others.
describe_target() {
  cat <<END
set(CMAKE_C_COMPILER $CC)
set(CMAKE_CXX_COMPILER $CXX)
set(CMAKE_FIND_ROOT_PATH $PREFIX $1)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
END
  if is_cross; then
    # With a system's name CMake compiles for another machine.
    printf 'set(CMAKE_SYSTEM_NAME Linux)\nset(CMAKE_SYSTEM_PROCESSOR %s)\n' "${LAYERSMITH_HOST%%-*}"
  fi
}

# A pkg-config that always tells what a static library needs in turn, also to those (PHP 7.3, curl, CMake) that
# take no `pkg-config --static` from a variable.
wrap_pkg_config() {
  local real
  real=$(command -v pkg-config) || return 0
  printf '#!/bin/sh\nexec %s --static "$@"\n' "$real" >/build/bin/pkg-config
  chmod +x /build/bin/pkg-config
  export PKG_CONFIG=pkg-config
}

start_jobserver() {
  mkfifo /build/jobserver
  # shellcheck disable=SC2094 # a FIFO: opened for both so that neither end waits for the other
  exec 3<>/build/jobserver 4>/build/jobserver 5<&0 </dev/null
  cat <&5 >&4 &
  case $(make --version | sed -n 1p) in
    *" 3."* | *" 4.0"* | *" 4.1"*) export MAKEFLAGS=" -j --jobserver-fds=3,4" ;;
    *) export MAKEFLAGS=" -j --jobserver-auth=3,4" ;;
  esac
}

unpack_sources() {
  local name
  for name in $LAYERSMITH_SOURCES; do
    mkdir "$WORK/$name"
    tar -xf /build/sources/"$name"/* -C "$WORK/$name" --strip-components=1 --no-same-owner
  done
}

apply_patches() {
  local file
  for file in /build/recipe/patches/"$LAYERSMITH_VERSION"-*.patch; do
    [ -e "$file" ] || continue
    patch -p1 <"$file"
  done
}

# The artifact of an interpreter or an extension has the licences of everything that is linked into it.
collect_licences() {
  case $LAYERSMITH_KIND in
    interpreter | extension) [ ! -d /opt/share/licenses ] || cp -R /opt/share/licenses "$DESTDIR/opt/share/" ;;
  esac
}

# Nothing that is only for people or for linking with libtool, and no symbols that nobody asks for.
tidy() {
  local file
  rm -rf "$DESTDIR"/opt/share/{man,doc,info,gtk-doc,aclocal} "$DESTDIR"/opt/{man,docs}
  find "$DESTDIR" -name '*.la' -delete
  while IFS= read -r -d '' file; do
    case $(head -c 8 "$file" | tr '\0' '.') in
      $'\x7fELF'*) "$STRIP" --strip-all "$file" ;;
      '!<arch>'*) "$STRIP" --strip-debug --enable-deterministic-archives "$file" ;;
    esac
  done < <(find "$DESTDIR" -type f -size +64c ! -name '*.o' -print0)
}

mkdir -p "$WORK" "$DESTDIR/opt" /build/bin
choose_toolchain
wrap_pkg_config
PATH=/build/bin:$PATH
start_jobserver
unpack_sources
cd "$WORK/${LAYERSMITH_SOURCES%% *}"
apply_patches
# shellcheck source=/dev/null
source /build/recipe/build.sh
cd /
collect_licences
tidy
