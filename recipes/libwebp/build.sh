# libwebp: the libraries alone (also those for animations and metadata), without programs.
# shellcheck shell=bash

hide_symbols
# Else its headers make the API visible again.
CFLAGS+=" -DWEBP_EXTERN=extern -DSHARPYUV_EXTERN=extern"
options=(
  "${CONFIGURE_TARGET[@]}" --prefix="$PREFIX" --disable-shared --enable-static --disable-dependency-tracking
  --enable-libwebpmux --enable-libwebpdemux
  # For its programs alone.
  --disable-gl --disable-sdl --disable-png --disable-jpeg --disable-tiff --disable-gif
)
./configure "${options[@]}"
for folder in sharpyuv src; do
  make -C "$folder"
  make -C "$folder" install
done
licence COPYING PATENTS
