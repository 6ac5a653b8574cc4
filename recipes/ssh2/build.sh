# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# What a static libssh2 needs in turn.
SSH2_SHARED_LIBADD=$("$PKG_CONFIG" --libs libssh2)
export SSH2_SHARED_LIBADD
build_extension --with-ssh2="$PREFIX"
