# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# It would link the library of OpenMP, which ImageMagick was compiled without.
sed -i 's/#include <omp.h>/#error not used/' config.m4
build_extension --with-imagick="$PREFIX"
