# zlib: its configure is a script of its own, not autoconf's.
# shellcheck shell=bash

hide_symbols
./configure --prefix="$PREFIX" --static
make libz.a
make install
licence LICENSE
