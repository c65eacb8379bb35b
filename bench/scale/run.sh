#!/usr/bin/env bash
# Measures an agent in a cluster of thousands of nodes: the shipped program, a local API server with real list and watch, and the kernel of a
# network namespace of its own. Works with and without root.
# usage: npm run bench:scale -- [--json PATH] [--gate]
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$PWD/node_modules/.bin:$PATH
if [ ! -e dist/causeway.mjs ]; then
  echo "bench: dist/causeway.mjs is missing: npm run setup builds it" >&2
  exit 1
fi
namespaces=(--mount --net --ipc --pid --fork --kill-child --mount-proc)
if [ "$(id -u)" != 0 ]; then namespaces+=(--user --map-root-user); fi
unshare "${namespaces[@]}" node bench/scale/main.ts "$@" &
child=$!
trap 'kill -KILL "$child"; exit 1' INT TERM
wait "$child"
