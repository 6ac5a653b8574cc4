# yyjson: two files. The layer's program parses and writes JSON with it.
# shellcheck shell=bash

hide_symbols
read -ra flags <<<"$CPPFLAGS $CFLAGS"
# What goes beyond JSON is left out, and conversions of real numbers of its own: the program leaves them as text. Functions that are
# always inlined would make it twice as long.
"$CC" "${flags[@]}" -std=c99 -DYYJSON_DISABLE_UTILS=1 -DYYJSON_DISABLE_NON_STANDARD=1 -DYYJSON_DISABLE_FAST_FP_CONV=1 \
  -Dyyjson_inline=inline -c src/yyjson.c -o yyjson.o
"$AR" rcD libyyjson.a yyjson.o
install -D -m 644 libyyjson.a "$DESTDIR$PREFIX/lib/libyyjson.a"
install -D -m 644 src/yyjson.h "$DESTDIR$PREFIX/include/yyjson.h"
licence LICENSE
