# How an extension of PHP is compiled: the extension's own build.sh sources this file, and calls build_extension.
# shellcheck shell=bash

# build_extension OPTION...: compiles the extension with these options of its configure, and installs it with its headers.
# The libraries that it is linked with stay its own: PHP and other extensions may have other copies of them.
build_extension() {
  local file flags
  # A bundled extension is a folder in PHP's sources.
  if [ "${LAYERSMITH_SOURCES%% *}" = php ]; then cd "ext/$LAYERSMITH_PACKAGE" || exit; fi
  if [ ! -e config.m4 ]; then cp config0.m4 config.m4; fi
  # These are made from the stubs by running PHP, which an extension for another machine could not.
  find . -name '*_arginfo.h' -exec touch {} +
  "$PREFIX/bin/phpize"
  # The C++ library is its own, too: templates of it would be exported otherwise.
  echo '{ local: _Z*; };' >/build/hidden.map
  LDFLAGS+=" -Wl,--exclude-libs,ALL -Wl,--version-script=/build/hidden.map -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections"
  ./configure "${CONFIGURE_TARGET[@]}" --with-php-config="$PREFIX/bin/php-config" "$@"
  # No path of this build in messages. Not in CFLAGS, which configure records.
  flags="-fvisibility=hidden -fmacro-prefix-map=$PWD/= -ffile-prefix-map=$PWD=."
  make EXTRA_CFLAGS="$flags" EXTRA_CXXFLAGS="$flags"
  make install-headers INSTALL_ROOT="$DESTDIR"
  install -D -m 755 "modules/$LAYERSMITH_PACKAGE.so" "$DESTDIR$PREFIX/lib/php/extensions/$LAYERSMITH_PACKAGE.so"
  for file in LICENSE LICENSE.md LICENCE COPYING ../../LICENSE; do
    [ ! -e "$file" ] || licence "$file"
  done
  if grep -a -o "${WORK}[[:print:]]*" "modules/$LAYERSMITH_PACKAGE.so" >&2; then
    echo "$LAYERSMITH_PACKAGE.so has a path of the build in it" >&2
    false
  fi
}

# share_libxml2: compiles against PHP's own libxml2, whose documents the extension works on, and links no other copy of it.
share_libxml2() {
  export LIBXML_CFLAGS="-I$PREFIX/include/libxml2" LIBXML_LIBS=" "
}
