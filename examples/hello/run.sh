#!/bin/sh
# Packages the functions and their library for a PHP layer, and runs both functions on it: run.sh LAYER.zip
set -eu
layer=$1
here=$(dirname "$0")
layersmith() { node "$here/../../build/cli/main.js" "$@"; }

vendor=$(layersmith package vendor "$here" --layer "$layer" --output dist/hello-vendor.zip)
code=$(layersmith package function "$here" --layer "$layer" --output dist/hello.zip)
for handler in hello goodbye; do
  layersmith invoke "$layer" "$vendor" --function "$code" --handler "$handler" --event '{"name":"World"}'
  echo
done
