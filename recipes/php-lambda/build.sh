# bin/php: PHP's command line, and the program that serves Lambda, in one file.
# shellcheck shell=bash
# shellcheck source=recipes/php/program.sh
source /build/recipe/program.sh

cd /build/recipe/src || exit
# -Os is as fast here, and a tenth shorter.
compile_objects -std=gnu11 -Os -D_GNU_SOURCE "-DPHP_VERSION_TEXT=\"$LAYERSMITH_VERSION\"" -fvisibility=hidden \
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wpointer-arith -Werror -- *.c
cd "$WORK" || exit
ordered=()
for order in /build/recipe/[0-9]*/sections.order; do
  [ -s "$order" ] || continue
  order_sections "$order" >order.ld
  # shellcheck disable=SC2054 # commas of the linker
  ordered=(-Wl,-T,order.ld)
done
link_program bin-php -lphp "${objects[@]}" -lyyjson "${ordered[@]}" -Wl,-Map=map
install -D -m 755 bin-php "$DESTDIR$PREFIX/bin/php"
# For `make order`.
install -d "$DESTDIR$PREFIX/share/php-lambda"
list_sections map >"$DESTDIR$PREFIX/share/php-lambda/sections"

# ("/build/" alone would not do: fileinfo knows files of Android's by such a path.)
if grep -a -o "${WORK}[[:print:]]*" "$DESTDIR$PREFIX/bin/php" >&2; then
  echo "bin/php has a path of the build in it" >&2
  false
fi
# Its sources are ours; what it is linked with is PHP.
licence "$PREFIX/share/licenses/php/LICENSE"
