# PHP's command line with its extensions compiled in, for every line from 7.3 on.
# shellcheck shell=bash

options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-cgi --disable-phpdbg --without-pear --disable-rpath
  --with-config-file-path="$PREFIX/etc/php"
  # A function adds to the layer's settings, and overrides them, with files of its own.
  --with-config-file-scan-dir="$PREFIX/etc/php/conf.d:/var/task/php/conf.d"
  --with-openssl --with-zlib --enable-mbstring --enable-pcntl
)
case ${LAYERSMITH_OPTION_EXTENSIONS:-all} in
  all)
    options+=(
      --with-curl --with-sodium --with-sqlite3="$PREFIX" --with-pdo-sqlite="$PREFIX"
      --enable-mysqlnd --with-mysqli=mysqlnd --with-pdo-mysql=mysqlnd
      --enable-bcmath --enable-exif --enable-ftp --enable-sockets
    )
    if version_at_least 7.4; then options+=(--with-zip); else options+=(--enable-zip); fi
    ;;
  minimal)
    # Those that most programs need, and no others.
    options+=(
      --disable-all --disable-mbregex
      --enable-ctype --enable-filter --enable-posix --enable-session --enable-tokenizer --with-iconv
    )
    ;;
  *) echo "the option EXTENSIONS is '$LAYERSMITH_OPTION_EXTENSIONS', not 'all' or 'minimal'" >&2 && false ;;
esac
# From 8.5 on opcache is always there, and compiled in.
version_at_least 8.5 || options+=(--enable-opcache)
if ! version_at_least 7.4; then
  # 7.3 looks for some libraries by folder, and links its tests with the one library that it asks for: what
  # that one needs in turn comes in through LIBS.
  options+=(--with-libzip="$PREFIX" --with-zlib-dir="$PREFIX" --with-libxml-dir="$PREFIX"
    --with-onig="$PREFIX" --with-openssl-dir="$PREFIX")
  export LIBS="-lssl -lcrypto -lz -lm -ldl -lpthread"
  # It takes a path alone, and finds it by itself.
  unset PKG_CONFIG
fi

# What configure would take from the machine that it runs on, and PHP tell in `php -i`.
export PHP_UNAME="Linux layersmith $LAYERSMITH_ARCH"
export PHP_BUILD_SYSTEM="$PHP_UNAME" PHP_BUILD_PROVIDER=layersmith PHP_BUILD_ARCH="$LAYERSMITH_ARCH"
PHP_BUILD_COMPILER=$("$CC" --version | sed -n 1p)
export PHP_BUILD_COMPILER
if ! version_at_least 7.4; then
  # It asks `uname -a` whatever we say.
  # shellcheck disable=SC2016 # the shim's own variables
  printf '#!/bin/sh\n[ "$*" = -a ] && exec echo "%s"\nexec %s "$@"\n' "$PHP_UNAME" "$(command -v uname)" >/build/bin/uname
  chmod +x /build/bin/uname
fi

# glibc's iconv() says what was wrong, and reports what //IGNORE left out. Lines before 8.4 cannot find that out without
# running a program, and PHP 7 not without a header in /usr/include.
if { is_cross && ! version_at_least 8.4; } || ! version_at_least 8.0; then
  sed -i -e 's/ICONV_SUPPORTS_ERRNO 0/ICONV_SUPPORTS_ERRNO 1/' -e 's/ICONV_BROKEN_IGNORE 0/ICONV_BROKEN_IGNORE 1/' configure
fi
# Where they cannot run a program, they also take it that no function is in a library of its own (dlopen() before glibc 2.34).
if is_cross && ! version_at_least 8.4; then
  sed -i '/test "[$]cross_compiling" = yes; then :$/{n;s/found=no/found=yes/}' configure
fi

# The system's crypt() would bring in libcrypt.so.1, which Lambda does not have. With one algorithm missing, PHP
# takes its own for all of them; newer lines do so anyhow.
export ac_cv_func_crypt=yes ac_cv_crypt_blowfish=no

# A place without the build's number in it: php.ini names opcache.so the same way in every line.
export EXTENSION_DIR="$PREFIX/lib/php/extensions"
# Position-independent code for a program is shorter and faster than for a library; the modules get -fPIC from
# PHP's own libtool.
export CFLAGS="${CFLAGS/-fPIC/-fPIE}" CXXFLAGS="${CXXFLAGS/-fPIC/-fPIE}"
LDFLAGS+=" -Wl,-z,relro,-z,now -Wl,--as-needed"

./configure "${options[@]}"

# Everything of the program but the entry point: the package php-lambda links it with one of its own. The command line's
# main() is another function there.
cat >>Makefile <<'END'
sapi/cli/php_cli.o sapi/cli/php_cli.lo: CFLAGS_CLEAN += -Dmain=php_cli_main
PHP_OBJECTS = $(PHP_GLOBAL_OBJS) $(PHP_BINARY_OBJS) $(PHP_CLI_OBJS)
# "q" keeps objects of the same name apart.
libphp.a: $(PHP_OBJECTS)
	$(AR) qcD $@ $(PHP_OBJECTS:.lo=.o)
libphp.libs:
	echo '$(EXTRA_LIBS) $(ZEND_EXTRA_LIBS)' >$@
END
# No path of this build in messages. Not in CFLAGS, which configure records, path and all.
flags=()
if "$CC" -fmacro-prefix-map=/build=. -E -x c /dev/null >/dev/null 2>&1; then
  flags+=(EXTRA_CFLAGS="-fmacro-prefix-map=$PWD/=")
fi
make "${flags[@]}" libphp.a libphp.libs build-modules

install -D -m 644 -t "$DESTDIR$PREFIX/lib" libphp.a libphp.libs
if [ -e modules/opcache.so ]; then
  install -D -m 755 modules/opcache.so "$DESTDIR$EXTENSION_DIR/opcache.so"
fi

# What extensions are compiled with. The layer does not take it.
make install-build install-headers install-programs INSTALL_ROOT="$DESTDIR"
rm -rf "$DESTDIR$PREFIX/php/man"

# PHP's licence and those of what it bundles, under names that tell them apart.
mkdir ../licences
for file in LICENSE TSRM/LICENSE Zend/LICENSE Zend/asm/LICENSE ext/*/*/LICENSE* ext/opcache/jit/ir/LICENSE; do
  [ ! -e "$file" ] || cp "$file" "../licences/${file//\//-}"
done
licence ../licences/*
