#!/bin/sh
# Analyzes the C sources of bin/php with gcc (-fanalyzer): those that need no headers of PHP or yyjson. A test analyzes all of them
# where these headers are (test/docker/runtime/php-web-sanitizers.test.ts).
set -eu
cd "$(dirname "$0")/../recipes/php-lambda/src"

set -- -std=gnu11 -D_GNU_SOURCE '-DPHP_VERSION_TEXT=""'
for file in *.c; do
  # Also the headers that its own headers include.
  if gcc "$@" -M -MG "$file" | tr ' ' '\n' | grep -Eqx '(php|SAPI|yyjson)[.]h'; then
    continue
  fi
  gcc "$@" -O2 -fanalyzer -Wall -Wextra -Wshadow -Wstrict-prototypes -Wpointer-arith -Werror -c "$file" -o /dev/null
done
