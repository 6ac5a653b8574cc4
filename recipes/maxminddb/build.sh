# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
licence LICENSE
cd ext || exit
build_extension --with-maxminddb
