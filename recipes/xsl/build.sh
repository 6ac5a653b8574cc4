# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
share_libxml2
# pkg-config would add libxml2 here, too.
export XSL_CFLAGS="$LIBXML_CFLAGS" XSL_LIBS="-L$PREFIX/lib -lexslt -lxslt -lm"
export EXSLT_CFLAGS="$LIBXML_CFLAGS" EXSLT_LIBS=" "
build_extension --with-xsl
