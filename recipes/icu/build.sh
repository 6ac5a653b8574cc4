# ICU: the libraries for strings, for languages and for streams (which PHP asks for), and their data.
# shellcheck shell=bash

major=${LAYERSMITH_VERSION%%.*}
cd source || exit
hide_symbols
export CPPFLAGS+=" -DU_STATIC_IMPLEMENTATION"
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --with-data-packaging=static
  --disable-samples --disable-tests --disable-extras --disable-layoutex --disable-tools
)
# For another machine it asks for a finished ICU of this one, whose tools would make the data. None of them is used here.
if is_cross; then
  install -d ../native/config
  touch ../native/config/icucross.mk ../native/config/icucross.inc
  options+=(--with-cross-build="$(cd ../native && pwd)")
fi
./configure "${options[@]}"
make SUBDIRS="common i18n io"
make SUBDIRS="common i18n io" install
(cd "$DESTDIR$PREFIX" && rm -r bin lib/icu share)
sed -i 's/^Cflags:.*/& -DU_STATIC_IMPLEMENTATION/' "$DESTDIR$PREFIX"/lib/pkgconfig/icu-*.pc

# The data as one object, which is mapped with the module that it is linked into, and read where it is used only.
#
#            all, and packed by gzip     trimmed
#     76.1   31.9 MB, 11.3 MB            23.8 MB, 8.8 MB
#     67.1   28.4 MB, 11.3 MB            21.4 MB, 8.0 MB
case $LAYERSMITH_OPTION_DATA in
  all) cp "data/in/icudt${major}l.dat" icudt.dat ;;
  trimmed) perl /build/recipe/trim-data.pl /build/recipe/data.remove "data/in/icudt${major}l.dat" icudt.dat ;;
  *) echo "the option DATA is '$LAYERSMITH_OPTION_DATA', not 'trimmed' or 'all'" >&2 && false ;;
esac
cat >icudt.S <<END
	.section .rodata.icudt,"a",%progbits
	.balign 16
	.globl icudt${major}_dat
	.hidden icudt${major}_dat
	.type icudt${major}_dat, %object
icudt${major}_dat:
	.incbin "icudt.dat"
	.size icudt${major}_dat, . - icudt${major}_dat
	.section .note.GNU-stack,"",%progbits
END
"$CC" -c icudt.S -o icudt.o
"$AR" rcs "$DESTDIR$PREFIX/lib/libicudata.a" icudt.o
licence ../LICENSE
