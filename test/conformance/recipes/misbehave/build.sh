# shellcheck shell=bash
# Two programs of ours for the conformance suite. Static: they run in any container.

install -d "$DESTDIR/opt/bin"
# shellcheck disable=SC2086 # flags are words
compile() { gcc $CFLAGS $LDFLAGS -std=c11 -Wall -Wextra -Werror -static -o "$DESTDIR/opt/bin/$1" "${@:2}"; }
compile misbehave /build/recipe/misbehave.c /build/recipe/http.c
compile rie-host /build/recipe/rie-host.c
