# shellcheck shell=bash
# The relay is C of ours, which lies beside this file.

install -d "$DESTDIR/opt/bin"
# shellcheck disable=SC2086 # flags are words
gcc $CFLAGS $LDFLAGS -std=c11 -Wall -Wextra -Werror -pie -Wl,-z,relro,-z,now \
  -o "$DESTDIR/opt/bin/relay" /build/recipe/relay.c /build/recipe/memory.c
