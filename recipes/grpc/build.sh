# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# With its own copies of BoringSSL, abseil and the rest.
build_extension --enable-grpc
