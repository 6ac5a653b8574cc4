# shellcheck shell=bash
# One C file of ours, which lies beside this one. Static: the runtime image need not have anything for it.

install -d "$DESTDIR/opt/bin"
# shellcheck disable=SC2086 # flags are words
gcc $CFLAGS $LDFLAGS -std=c11 -Wall -Wextra -Werror -static \
  -o "$DESTDIR/opt/bin/loopback-api" /build/recipe/loopback-api.c
