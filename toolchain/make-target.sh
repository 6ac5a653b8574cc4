#!/bin/sh
# make-target.sh ZIG TRIPLE GLIBC TARGET: makes what compiling for a glibc version needs. TARGET/sysroot gets its headers, start
# files and stub libraries, and TARGET/bin the tools under their plain names (gcc, ar, ...), to be put first into PATH.
#
# ZIG is the folder of an unpacked `ziglang` wheel, which has glibc's headers and symbol lists. zig makes the start files
# and the assembly of the stubs. The stubs are assembled again here, since zig gives every name of a variable its own
# address: a linker that copies `environ` into a program would leave `__environ` empty.
set -eu

zig=$1 triple=$2 glibc=$3 target=$4
folder=$target/sysroot
case $triple in
  x86_64-*) headers=x86 loader=ld-linux-x86-64.so.2 format=elf64-x86-64 ;;
  aarch64-*) headers=aarch64 loader=ld-linux-aarch64.so.1 format=elf64-littleaarch64 ;;
esac
tools=$triple-

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ZIG_GLOBAL_CACHE_DIR="$work/cache" ZIG_LOCAL_CACHE_DIR="$work/cache"
echo 'int main(void) { return 0; }' >"$work/empty.c"
for pie in -fPIE -fno-PIE; do
  "$zig/zig" build-exe -target "$triple.$glibc" -O ReleaseSmall -fno-compiler-rt -fno-ubsan-rt -lc "$pie" \
    -femit-bin="$work/empty" "$work/empty.c"
done

lib=$folder/usr/lib
mkdir -p "$lib" "$folder/usr/include"
# A compiler that looks in folders of an architecture finds the same ones.
ln -s . "$lib/$triple"
ln -s usr/lib "$folder/lib"
ln -s usr/lib "$folder/lib64"
for part in generic-glibc any-linux-any "$headers-linux-any" "$headers-linux-gnu"; do
  cp -R "$zig/lib/libc/include/$part/." "$folder/usr/include/"
done
# Headers that are newer than this glibc, which zig makes an error.
grep -rl '#error "[^"]* did not exist before glibc' "$folder/usr/include" | while IFS= read -r file; do
  since=$(sed -n 's/.*#error "[^"]* did not exist before glibc 2\.\([0-9]*\)".*/\1/p' "$file" | sed -n 1p)
  [ "${glibc#*.}" -ge "$since" ] || rm "$file"
done
# zig tells the compiler the version with -D.
sed -i "0,/^#define[[:space:]]*_FEATURES_H.*/s//&\n#define __GLIBC_MINOR__ ${glibc#*.}/" "$folder/usr/include/features.h"
grep -q "^#define __GLIBC_MINOR__ ${glibc#*.}\$" "$folder/usr/include/features.h"

for file in crt1.o Scrt1.o; do
  "${tools}objcopy" --strip-debug "$(find "$work/cache/o" -name "$file")" "$lib/$file"
done
mkdir "$work/nonshared"
for file in $("${tools}ar" t "$(find "$work/cache/o" -name libc_nonshared.a)"); do
  "${tools}objcopy" --strip-debug "$file" "$work/nonshared/${file##*/}"
done
"${tools}ar" rcD "$lib/libc_nonshared.a" "$work"/nonshared/*.o
# Nothing is in .init and .fini: constructors are called from .init_array.
for file in crti.o crtn.o; do
  "${tools}as" --noexecstack -o "$lib/$file" /dev/null
done

map=$(find "$work/cache/o" -name all.map)
stubs=${map%/*}
for file in "$stubs"/*.s; do
  name=$(basename "$file" .s)
  soname=$(basename "$(find "$stubs" -name "lib$name.so.*")")
  [ "$name" != ld ] || soname=$loader
  awk -f "$(dirname "$0")/aliases.awk" "$file" >"$work/stub.s"
  "${tools}as" -o "$work/stub.o" "$work/stub.s"
  "${tools}ld" -shared --soname="$soname" --version-script="$map" --hash-style=gnu --build-id=none -o "$lib/$soname" "$work/stub.o"
  "${tools}strip" "$lib/$soname"
done
# Since glibc 2.34, these are part of libc, and their archives are empty.
if [ "${glibc#*.}" -ge 34 ]; then
  for name in dl pthread rt util; do
    "${tools}ar" rcD "$lib/lib$name.a"
  done
fi
for file in "$lib"/lib*.so.*; do
  name=$(basename "$file")
  [ "$name" = libc.so.6 ] || ln -s "$name" "${file%.so.*}.so"
done
cat >"$lib/libc.so" <<EOF
OUTPUT_FORMAT($format)
GROUP ( /usr/lib/libc.so.6 /usr/lib/libc_nonshared.a AS_NEEDED ( /usr/lib/$loader ) )
EOF

# Names without the architecture: what a compiler calls itself is recorded by some packages.
program() { # NAME COMMAND...
  name=$1
  shift
  printf '#!/bin/sh\nexec %s "$@"\n' "$*" >"$target/bin/$name"
  chmod 755 "$target/bin/$name"
}
mkdir "$target/bin" "$target/lib"
for tool in addr2line ar as c++filt ld ld.bfd ld.gold nm objcopy objdump ranlib readelf size strings strip; do
  program "$tool" "/usr/bin/$tools$tool"
done
for tool in gcc g++ cpp; do
  program "$tool" "/usr/bin/$tools$tool-12" "--sysroot=$folder" "-B$lib" "-L$target/lib" "-L$lib"
done
for tool in gcc-ar gcc-nm gcc-ranlib gcov; do
  program "$tool" "/usr/bin/$tools$tool-12"
done
ln -s gcc "$target/bin/cc"
ln -s g++ "$target/bin/c++"

# The stub of libgcc_s, which every platform has: the compiler's own needs a newer glibc. Without versions that are newer than
# the platforms' own.
real=$("$target/bin/gcc" -print-file-name=libgcc_s.so.1)
"${tools}nm" -D --defined-only --with-symbol-versions "$real" | awk '
  $2 == "T" && $3 ~ /@@GCC_(3|4|7\.0)/ {
    label = "f" NR
    print ".globl " label "\n.type " label ", %function\n.symver " label ", " $3 ", remove\n" label ": .quad 0"
  }' >"$work/gcc_s.s"
sed -n 's/.*@@\(GCC_[0-9.]*\), remove$/\1 { };/p' "$work/gcc_s.s" | sort -u >"$work/gcc_s.map"
"${tools}as" -o "$work/gcc_s.o" "$work/gcc_s.s"
"${tools}ld" -shared --soname=libgcc_s.so.1 --version-script="$work/gcc_s.map" --hash-style=gnu --build-id=none \
  -o "$lib/libgcc_s.so.1" "$work/gcc_s.o"
"${tools}strip" "$lib/libgcc_s.so.1"
printf 'GROUP ( libgcc_s.so.1 -lgcc )\n' >"$lib/libgcc_s.so"

# libstdc++ is linked in: the platforms' own are older than the compiler's headers.
"$target/bin/gcc" -std=c11 -Wall -Wextra -Werror -O2 -fPIC -fvisibility=hidden -DGLIBC_MINOR="${glibc#*.}" \
  -c "$(dirname "$0")/cxx-compat.c" -o "$work/cxx-compat.o"
"${tools}ar" rcD "$target/lib/libstdc++_compat.a" "$work/cxx-compat.o"
# Outside of the sysroot, where paths in a linker script are not below it.
printf 'GROUP ( %s %s )\n' "$("$target/bin/gcc" -print-file-name=libstdc++.a)" "$target/lib/libstdc++_compat.a" \
  >"$target/lib/libstdc++.so"
