# ImageMagick: MagickCore and MagickWand alone, with PNG, JPEG, WebP and FreeType, and all other formats that it reads by itself.
# shellcheck shell=bash

hide_symbols
# Its headers would make the API visible again, and let no flag say otherwise.
sed -i 's/__attribute__ ((visibility ("default")))//' MagickCore/method-attribute.h MagickWand/method-attribute.h
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  # It needs no file at run time: names of colors and the like are compiled in. It calls no other program for a format, and has
  # no policy of what it reads: that is up to the function.
  --enable-zero-configuration
  # A function has few processors, and starting OpenMP's threads takes time.
  --disable-openmp --disable-opencl --disable-docs --without-modules --without-utilities
  --without-magick-plus-plus --without-perl --without-x
  # Not for the processor that compiles.
  --without-gcc-arch
  --with-png --with-jpeg --with-webp --with-freetype --with-zlib
  # Nothing that a toolchain image might happen to have.
  --without-bzlib --without-zip --without-zstd --without-lzma --without-xml --without-djvu --without-dps
  --without-fontconfig --without-raqm --without-gslib --without-gvc --without-heic --without-jbig --without-jxl
  --without-lcms --without-openjp2 --without-lqr --without-openexr --without-pango --without-raw --without-rsvg
  --without-tiff --without-wmf --without-fftw --without-flif --without-fpx --without-uhdr --without-autotrace
  --without-dmr --without-jemalloc --without-tcmalloc --without-mtmalloc --without-umem
)
./configure "${options[@]}"
# It would go on without.
for delegate in PNG JPEG WEBP FREETYPE ZLIB; do
  grep -q "^#define ${delegate}_DELEGATE 1" config/config.h
done
make MagickCore/libMagickCore-7.Q16HDRI.la MagickWand/libMagickWand-7.Q16HDRI.la
make install-libLTLIBRARIES install-pkgconfigDATA \
  install-MagickCoreincHEADERS install-MagickCoreincarchHEADERS install-MagickWandincHEADERS
licence LICENSE NOTICE
