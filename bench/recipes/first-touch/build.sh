# shellcheck shell=bash
# One C file of ours, which lies beside this one. It needs nothing but glibc.

install -d "$DESTDIR/opt/bin"
# shellcheck disable=SC2086 # flags are words
"$CC" $CFLAGS $LDFLAGS -std=c11 -Wall -Wextra -Werror \
  -o "$DESTDIR/opt/bin/first-touch" /build/recipe/first-touch.c
