#!/usr/bin/env bash
# Builds our programs and those of the bench, and runs a measurement in mount, network, IPC and process namespaces of
# its own: whatever is left at the end dies with them. Works with and without root.
# usage: in-namespaces.sh SCRIPT [ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/node_modules/.bin:$PATH

# Else an old build would be measured for what is in the tree.
e2e/lib/build-changed.sh || {
  echo "bench: npm run setup installs what the build needs" >&2
  exit 1
}
make -s -C bench

namespaces=(--mount --net --ipc --pid --fork --kill-child --mount-proc)
if [ "$(id -u)" != 0 ]; then namespaces+=(--user --map-root-user); fi
unshare "${namespaces[@]}" node "$@" &
child=$!
# unshare itself ignores the other signals; with it everything in its namespaces ends.
trap 'kill -KILL "$child"; exit 1' INT TERM
wait "$child"
