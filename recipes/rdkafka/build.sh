# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# What a static librdkafka needs in turn.
RDKAFKA_SHARED_LIBADD=$("$PKG_CONFIG" --libs rdkafka)
export RDKAFKA_SHARED_LIBADD
build_extension --with-rdkafka="$PREFIX"
