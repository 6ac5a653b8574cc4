# bin/php: PHP's command line, and the program that serves Lambda, in one file.
# shellcheck shell=bash

flags=(
  -std=gnu11 -D_GNU_SOURCE "-DPHP_VERSION_TEXT=\"$LAYERSMITH_VERSION\"" -fvisibility=hidden
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wpointer-arith -Werror
)
# PHP's headers are not written for these warnings.
read -ra includes <<<"$("$PREFIX/bin/php-config" --includes | sed 's/-I/-isystem /g')"
# Position-independent code for a program is shorter and faster than for a library.
read -ra common <<<"$CPPFLAGS ${CFLAGS/-fPIC/-fPIE} $LDFLAGS"
objects=()
# By their names alone: the program would have their paths in it.
cd /build/recipe/src
for source in *.c; do
  object=$WORK/$source.o
  "$CC" "${common[@]}" "${includes[@]}" "${flags[@]}" -c "$source" -o "$object"
  objects+=("$object")
done
cd "$WORK"

# - No segments aligned to 2 MB: they make a file of holes, and the pages of files are not huge on Lambda.
# - PHP's own symbols stay exported, for opcache.so and the extensions, and so do those of libxml2: extensions share
#   documents with PHP, so they have to share the library. Those of the other libraries are PHP's own affair, and what is
#   not used of them can go.
hidden=$(cd "$PREFIX/lib" && printf '%s:' *.a | sed -e 's/libxml2[.]a://' -e 's/libphp[.]a://')
read -ra libraries <"$PREFIX/lib/libphp.libs"
"$CC" "${common[@]}" -pie -Wl,--export-dynamic -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections \
  -Wl,--exclude-libs,"${hidden}libgcc.a:libgcc_eh.a" -o bin-php "${objects[@]}" \
  -Wl,--whole-archive -lphp -Wl,--no-whole-archive "${libraries[@]}" -lyyjson -lrt -lm -ldl -lpthread
install -D -m 755 bin-php "$DESTDIR$PREFIX/bin/php"

# ("/build/" alone would not do: fileinfo knows files of Android's by such a path.)
if grep -a -o "${WORK}[[:print:]]*" "$DESTDIR$PREFIX/bin/php" >&2; then
  echo "bin/php has a path of the build in it" >&2
  false
fi
# Its sources are ours; what it is linked with is PHP.
licence "$PREFIX/share/licenses/php/LICENSE"
