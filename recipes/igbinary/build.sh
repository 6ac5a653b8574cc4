# shellcheck shell=bash
source /build/recipe/extension.sh
build_extension --enable-igbinary
