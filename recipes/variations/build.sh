# shellcheck shell=bash
# The library is C of ours, which lies beside this file.

install -d "$DESTDIR/opt/lib"
# shellcheck disable=SC2086 # flags are words
gcc $CFLAGS $LDFLAGS -std=c11 -Wall -Wextra -Werror -shared -Wl,-z,relro,-z,now \
  -o "$DESTDIR/opt/lib/variations.so" /build/recipe/clock.c /build/recipe/machine.c /build/recipe/file-order.c -ldl -lpthread
