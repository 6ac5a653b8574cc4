# shellcheck shell=bash
# The library is C of ours, which lies beside this file. The programs of a build load it, so it is made for the machine
# that compiles. The linker strips it: $STRIP may know the target's files alone.

export STRIP=:
install -d "$DESTDIR/opt/lib"
# shellcheck disable=SC2086 # flags are words
"$BUILD_CC" $CFLAGS $LDFLAGS -std=c11 -Wall -Wextra -Werror -shared -s -Wl,-z,relro,-z,now \
  -o "$DESTDIR/opt/lib/variations.so" /build/recipe/clock.c /build/recipe/machine.c /build/recipe/file-order.c -ldl -lpthread
