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
export PKG_CONFIG_PATH=/opt/lib/pkgconfig
# Sections of their own let the interpreter's link drop what it does not use (--gc-sections).
export CFLAGS="-O2 -fPIC -ffunction-sections -fdata-sections"
export CXXFLAGS="$CFLAGS"
export CPPFLAGS="-I/opt/include"
export LDFLAGS="-L/opt/lib"
# The variables that layersmith sets: LAYERSMITH_PACKAGE, LAYERSMITH_KIND (library, interpreter or tool),
# LAYERSMITH_VERSION, LAYERSMITH_ARCH (x86_64 or arm64), LAYERSMITH_SOURCES (names, in the recipe's order),
# SOURCE_DATE_EPOCH (seconds), and LAYERSMITH_OPTION_NAME for each option of the recipe.
: "${LAYERSMITH_PACKAGE:?}" "${LAYERSMITH_KIND:?}" "${LAYERSMITH_VERSION:?}" "${LAYERSMITH_ARCH:?}" "${LAYERSMITH_SOURCES?}" "${SOURCE_DATE_EPOCH:?}"

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

# A pkg-config that always tells what a static library needs in turn, also to those (PHP 7.3, curl, CMake) that
# take no `pkg-config --static` from a variable.
wrap_pkg_config() {
  local real
  real=$(command -v pkg-config) || return 0
  mkdir /build/bin
  printf '#!/bin/sh\nexec %s --static "$@"\n' "$real" >/build/bin/pkg-config
  chmod +x /build/bin/pkg-config
  PATH=/build/bin:$PATH
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

# An interpreter's artifact has the licences of everything that is linked into it.
collect_licences() {
  if [ "$LAYERSMITH_KIND" = interpreter ] && [ -d /opt/share/licenses ]; then
    cp -R /opt/share/licenses "$DESTDIR/opt/share/"
  fi
}

# Nothing that is only for people or for linking with libtool, and no symbols that nobody asks for.
tidy() {
  local file
  rm -rf "$DESTDIR"/opt/share/{man,doc,info,gtk-doc,aclocal} "$DESTDIR"/opt/{man,docs}
  find "$DESTDIR" -name '*.la' -delete
  while IFS= read -r -d '' file; do
    case $(head -c 8 "$file" | tr '\0' '.') in
      $'\x7fELF'*) strip --strip-all "$file" ;;
      '!<arch>'*) strip --strip-debug --enable-deterministic-archives "$file" ;;
    esac
  done < <(find "$DESTDIR" -type f -size +64c ! -name '*.o' -print0)
}

mkdir -p "$WORK" "$DESTDIR/opt"
wrap_pkg_config
start_jobserver
unpack_sources
cd "$WORK/${LAYERSMITH_SOURCES%% *}"
apply_patches
# shellcheck source=/dev/null
source /build/recipe/build.sh
cd /
collect_licences
tidy
