# GMP: the library alone.
# shellcheck shell=bash

hide_symbols
# The same for the functions that are written in assembler.
# shellcheck disable=SC2016 # m4's arguments
sed -i 's/^`\tGLOBL\t$1$/&\n\t.hidden\t$1/' mpn/x86_64/x86_64-defs.m4
sed -i "s/^\\tGLOBL\\t\`\\\$1' GLOBL_ATTR\$/&\\n\\t.hidden\\t\`\$1'/" mpn/asm-defs.m4
sed -i 's/^\tGLOBL mpn_invert_limb_table$/&\n\t.hidden mpn_invert_limb_table/' mpn/x86_64/invert_limb_table.asm
# Debian's repack lacks it.
if [ ! -d doc ]; then mkdir doc && : >doc/Makefile.in; fi
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static
  CC_FOR_BUILD="$BUILD_CC"
)
# Code for several processors, chosen at run time.
[ "$LAYERSMITH_ARCH" = arm64 ] || options+=(--enable-fat)
./configure "${options[@]}"
make SUBDIRS="mpn mpz mpq mpf printf scanf rand"
install -d "$DESTDIR$PREFIX"/{include,lib/pkgconfig}
install -m 644 gmp.h "$DESTDIR$PREFIX/include/"
install -m 644 .libs/libgmp.a "$DESTDIR$PREFIX/lib/"
install -m 644 gmp.pc "$DESTDIR$PREFIX/lib/pkgconfig/"
licence COPYING.LESSERv3 COPYINGv2 COPYINGv3
