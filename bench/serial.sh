#!/bin/bash
# The comparison for layersmith: builds the same stages with a plain shell script, one after another, in one
# container, with make's own -j. Each argument is `PACKAGE KIND VERSION SOURCES`. bench/build.ts puts the files
# into /bench/PACKAGE/recipe and /bench/PACKAGE/sources, and the list of patches into /bench/PACKAGE/patches.list.
set -euo pipefail
jobs=$1
shift
for stage in "$@"; do
  read -r package kind version sources <<<"$stage"
  rm -rf /build && mkdir -p /build
  cp -R "/bench/$package/." /build/
  cp /bench/stage.sh /build/stage.sh
  # Gives the jobserver of stage.sh as many tokens as make -j would have.
  head -c "$((jobs - 1))" /dev/zero | tr '\0' '+' >/build/tokens
  LAYERSMITH_PACKAGE=$package LAYERSMITH_KIND=$kind LAYERSMITH_VERSION=$version LAYERSMITH_SOURCES=$sources \
    LAYERSMITH_PATCHES=$(cat "/bench/$package/patches.list") bash /build/stage.sh </build/tokens >"/bench/$package.log" 2>&1
  cp -R /build/out/opt/. /opt/
done
