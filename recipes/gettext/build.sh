# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# It is a part of glibc, whose headers the compiler finds by itself. configure wants to see the file.
install -d /build/gettext/include
echo '#include_next <libintl.h>' >/build/gettext/include/libintl.h
build_extension --with-gettext=/build/gettext
