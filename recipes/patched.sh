# What recipes/stage.sh runs in place of build.sh if a recipe has `patches`: applies them to the first source, then runs
# the package's build.sh, which is at own/build.sh.
# shellcheck shell=bash

# Each line of LAYERSMITH_PATCHES is SOURCE/PATH: the name of a source, and the path of a patch in its unpacked tree. They are
# applied in this order. Like dpkg, it accepts other line numbers, but no other context, and nothing that is there already.
apply_source_patches() {
  local patch source path
  while IFS= read -r patch; do
    source=${patch%%/*} path=${patch#*/}
    if [ ! -f "$WORK/$patch" ]; then
      echo "the source $source has no file $path, which \`patches\` of $LAYERSMITH_PACKAGE $LAYERSMITH_VERSION names" >&2
      false
    fi
    if ! patch -p1 --forward --fuzz=0 --no-backup-if-mismatch <"$WORK/$patch"; then
      echo "$path of the source $source does not apply to $LAYERSMITH_PACKAGE $LAYERSMITH_VERSION" >&2
      false
    fi
  done <<<"$LAYERSMITH_PATCHES"
}

apply_source_patches
# shellcheck source=/dev/null
source /build/recipe/own/build.sh
