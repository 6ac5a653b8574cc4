# shellcheck shell=bash
# shellcheck source=recipes/php/extension.sh
source /build/recipe/extension.sh
# configure's tests are linked with libpq alone: what it needs in turn comes in through LIBS.
needs=$("$PKG_CONFIG" --libs libssl libcrypto)
export LIBS="$needs -lm"
if version_at_least 8.4; then
  build_extension --with-pdo-pgsql
else
  # These lines do not ask pkg-config.
  export PDO_PGSQL_SHARED_LIBADD="$LIBS"
  build_extension --with-pdo-pgsql="$PREFIX"
fi
