# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# An archive may have several versions, each in a folder: this one alone.
find . -mindepth 1 -delete
tar -xf /build/sources/xdebug/* --strip-components=1 --no-same-owner "xdebug-$LAYERSMITH_VERSION"
build_extension --enable-xdebug
