#!/usr/bin/env bash
# Builds our programs and those of the bench, and runs a measurement in mount, network, IPC and process namespaces of
# its own: whatever is left at the end dies with them. Works with and without root.
# usage: in-namespaces.sh SCRIPT [ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/node_modules/.bin:$PATH

for part in causeway.mjs kernel.node bin/causeway; do
  if [ ! -e "dist/$part" ]; then
    echo "bench: dist/$part is missing: npm run setup builds it" >&2
    exit 1
  fi
done
# What is measured is what is there: a program built before the last change once gave the figures of the change.
npm run -s build
make -s -C bench

namespaces=(--mount --net --ipc --pid --fork --kill-child --mount-proc)
if [ "$(id -u)" != 0 ]; then namespaces+=(--user --map-root-user); fi
unshare "${namespaces[@]}" node "$@" &
child=$!
# unshare itself ignores the other signals; with it everything in its namespaces ends.
trap 'kill -KILL "$child"; exit 1' INT TERM
wait "$child"
