# FreeType: the library alone, with zlib (compressed fonts) and libpng (fonts with bitmaps).
# shellcheck shell=bash

hide_symbols
# Its headers would make the API visible again, and let no flag say otherwise.
sed -i 's/__attribute__(( visibility( "default" ) ))/\/* hidden *\//' include/freetype/config/public-macros.h
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static
  --with-zlib=yes --with-png=yes --with-bzip2=no --with-harfbuzz=no --with-brotli=no --with-librsvg=no
)
# A tool that runs during the build is compiled with it.
export CC_BUILD="$BUILD_CC"
./configure "${options[@]}"
make
make install
if [ -e docs/FTL.TXT ]; then licence LICENSE.TXT docs/FTL.TXT; else licence LICENSE.TXT; fi
