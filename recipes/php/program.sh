# How a program is made of PHP: the build.sh of a part of PHP that is no module sources this file.
# shellcheck shell=bash

# Position-independent code for a program is shorter and faster than for a library.
read -ra program_flags <<<"$CPPFLAGS ${CFLAGS/-fPIC/-fPIE} $LDFLAGS"

# compile_objects FLAG... -- SOURCE...: compiles sources with PHP's headers, which are not written for the flags' warnings. Puts the
# names of their objects into the array `objects`. Sources are named without their folder: the program would have its path in it.
compile_objects() {
  local flags=() includes source object
  while [ "$1" != -- ]; do
    flags+=("$1")
    shift
  done
  shift
  read -ra includes <<<"$("$PREFIX/bin/php-config" --includes | sed 's/-I/-isystem /g')"
  objects=()
  for source; do
    object=$WORK/${source//\//-}.o
    "$CC" "${program_flags[@]}" "${flags[@]}" "${includes[@]}" -c "$source" -o "$object"
    objects+=("$object")
  done
}

# link_program FILE ARCHIVE ARGUMENT...: links objects with all of PHP, an archive (-lphp), and with what PHP is linked with.
# - No segments aligned to 2 MB: they make a file of holes, and the pages of files are not huge on Lambda.
# - PHP's own symbols stay exported, for opcache.so and the extensions, and so do those of libxml2: extensions share
#   documents with PHP, so they have to share the library. Those of the other libraries are PHP's own affair, and what is
#   not used of them can go.
link_program() {
  local file=$1 archive=$2 hidden libraries
  shift 2
  hidden=$(cd "$PREFIX/lib" && printf '%s:' *.a | sed -e 's/libxml2[.]a://' -e 's/libphp[.]a://')
  read -ra libraries <"$PREFIX/lib/libphp.libs"
  "$CC" "${program_flags[@]}" -pie -Wl,--export-dynamic -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections \
    -Wl,--exclude-libs,"${hidden}libgcc.a:libgcc_eh.a" -o "$file" "$@" \
    -Wl,--whole-archive "$archive" -Wl,--no-whole-archive "${libraries[@]}" -lrt -lm -ldl -lpthread
}
