# How a program is made of PHP: the build.sh of a part of PHP that is no module sources this file.
# shellcheck shell=bash

# Position-independent code for a program is shorter and faster than for a library.
read -ra program_flags <<<"$CPPFLAGS ${CFLAGS/-fPIC/-fPIE} $LDFLAGS"

# At which address the program starts: `hardened`, at one that nobody can guess, or `fastest`, at the one that it is linked for,
# so that the loader need not change tens of thousands of addresses. Not a multiple of 2 MB: huge pages would be filled of which
# little is used.
case ${LAYERSMITH_OPTION_START:-hardened} in
  hardened) start_flags=(-pie) ld_start_flags=(-pie) ;;
  fastest) start_flags=(-no-pie -Wl,-Ttext-segment=0x410000) ld_start_flags=() ;;
  *) echo "no start is called $LAYERSMITH_OPTION_START" >&2 && false ;;
esac

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

# order_sections FILE: writes the linker's own script, changed so that the sections which FILE names come first in what they are
# linked into, in its order. A name that no object has, or several have, does no harm. Lines that begin with # are comments.
order_sections() {
  "$LD" "${ld_start_flags[@]}" -z relro -z now --verbose | awk '
    FNR == NR {
      kind = $1 ~ /^[.]data[.]rel[.]ro[.]/ ? ".data.rel.ro" : substr($1, 1, index(substr($1, 2), "."))
      if ($1 ~ /^[.]/) first[kind] = first[kind] "*(" $1 ")\n"
      next
    }
    /^===/ { inside = !inside; next }
    !inside { next }
    /^  [.](text|rodata|data[.]rel[.]ro|data|bss) *:/ { open = $1 }
    open != "" && /[{]/ { sub(/[{]/, "{\n" first[open]); open = "" }
    { print }' "$1" -
}

# list_sections FILE: writes address, size and name of each input section that is in a program, from the linker's map of it.
list_sections() {
  awk '
    /^Linker script and memory map/ { found = 1 }
    !found { next }
    # A long name has a line of its own.
    NF == 1 && /^ [.]/ { name = $1; next }
    /^ [.]/ { name = $1; $1 = ""; $0 = $0 }
    name != "" && $1 ~ /^0x/ && $2 !~ /^0x0$/ && NF > 2 { print $1, $2, name }
    { name = "" }' "$1"
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
  "$CC" "${program_flags[@]}" "${start_flags[@]}" -Wl,--export-dynamic -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections \
    -Wl,--exclude-libs,"${hidden}libgcc.a:libgcc_eh.a" -o "$file" "$@" \
    -Wl,--whole-archive "$archive" -Wl,--no-whole-archive "${libraries[@]}" -lrt -lm -ldl -lpthread
}
