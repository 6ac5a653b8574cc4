# shellcheck shell=bash
# Two programs of ours for the conformance suite. They need nothing but glibc.

install -d "$DESTDIR/opt/bin"
# shellcheck disable=SC2086 # flags are words
compile() { "$CC" $CFLAGS $LDFLAGS -std=c11 -Wall -Wextra -Werror -o "$DESTDIR/opt/bin/$1" "${@:2}"; }
compile misbehave /build/recipe/misbehave.c /build/recipe/http.c
compile rie-host /build/recipe/rie-host.c
