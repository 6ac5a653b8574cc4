#!/bin/sh
# Tries the web application of this folder in each mode, on a PHP layer: run.sh LAYER.zip
set -eu
layer=$1
here=$(dirname "$0")
run() {
  mode=$1 handler=$2
  shift 2
  echo "--- $mode: $*"
  node "$here/../../build/cli/main.js" invoke "$layer" --function "$here" --handler "$handler" --env "LAYERSMITH_MODE=$mode" \
    --env LAYERSMITH_EVENT_HANDLER=queue "$@"
  echo
}

run web public/index.php --http /
run web public/index.php --http / --data 'name=Ada'
run web public/index.php --event '{"Records":[{"eventSource":"aws:sqs","body":"one"}]}'
run worker public/worker.php --http '/?name=Ada' --repeat 3
run console bin/console --event '"greet Ada"'
