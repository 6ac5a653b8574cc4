#!/usr/bin/env bash
# Builds the programs in prebuilt/ from native/ with a pinned compiler. The bytes are the same on every machine.
#
#   scripts/build-prebuilt.sh [OUTPUT]
#
# OUTPUT is prebuilt/ unless given. Needs bash, python3 with pip, and PyPI (or pip's configured index).
# ZIG_TOOLS is a folder that keeps the compiler between runs; without it, the compiler is downloaded each time.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022
root=$(cd "$(dirname "$0")/.." && pwd)
output=$(realpath -m "${1:-$root/prebuilt}")
# Use relative paths only, so that no path of this machine is on the compiler's command line.
cd "$root"

ZIG_VERSION=0.17.1
# The wheels for x86_64 and arm64 hosts; pip picks the matching one.
ZIG_HASHES='
  --hash=sha256:ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54
  --hash=sha256:b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Do not reuse a libc that another run compiled.
export ZIG_GLOBAL_CACHE_DIR=$work/global ZIG_LOCAL_CACHE_DIR=$work/local

tools=${ZIG_TOOLS:-$work/tools}
compiler=$tools/ziglang-$ZIG_VERSION
if [ ! -e "$compiler" ]; then
  printf 'ziglang==%s %s\n' "$ZIG_VERSION" "$(tr '\n' ' ' <<<"$ZIG_HASHES")" >"$work/requirements.txt"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary=:all: --require-hashes \
    --target "$work/pip" --requirement "$work/requirements.txt"
  mkdir -p "$tools"
  mv -T "$work/pip" "$compiler" 2>/dev/null || [ -e "$compiler" ]
fi
zig=$compiler/ziglang/zig

built=$work/built
mkdir "$built"

# Static, so that it runs in any image; for the oldest CPU of each architecture.
build_relay() { # NAME TARGET
  "$zig" cc -target "$2" -mcpu=baseline -static -s -O2 -std=c11 -Wall -Wextra -Werror \
    -o "$built/$1" native/relay/relay.c native/relay/memory.c
}
build_relay relay-x86_64 x86_64-linux-musl
build_relay relay-arm64 aarch64-linux-musl

# -ffreestanding: there is no C library. The bulk-memory instructions, which every engine supports, copy memory.
build_deflate() {
  (cd native/deflate/libdeflate && sha256sum --check --quiet --strict SHA256SUMS)
  "$zig" cc -target wasm32-freestanding -mcpu=generic+bulk_memory -ffreestanding -nostdlib -DFREESTANDING \
    -s -O2 -std=c11 -Wall -Werror -Wl,--no-entry -Wl,-z,stack-size=65536 -o "$built/deflate.wasm" \
    native/deflate/deflate.c native/deflate/libdeflate/lib/deflate_compress.c native/deflate/libdeflate/lib/utils.c
}
build_deflate

chmod 644 "$built"/*
(cd "$built" && sha256sum -- * >"$work/SHA256SUMS")
mkdir -p "$output"
cp "$built"/* "$work/SHA256SUMS" "$output/"
