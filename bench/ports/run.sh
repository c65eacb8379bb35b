#!/usr/bin/env bash
# Measures what host ports cost: a new connection and an ADD, with few and with a thousand of them, and the ways to change one.
# Works with and without root.
# usage: npm run bench:ports
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$PWD/node_modules/.bin:$PATH
if [ ! -e dist/causeway.mjs ]; then
  echo "bench: dist/causeway.mjs is missing: npm run setup builds it" >&2
  exit 1
fi
make -s -C bench
namespaces=(--mount --net --ipc --pid --fork --kill-child --mount-proc)
if [ "$(id -u)" != 0 ]; then namespaces+=(--user --map-root-user); fi
unshare "${namespaces[@]}" node bench/ports/main.ts "$@" &
child=$!
trap 'kill -KILL "$child"; exit 1' INT TERM
wait "$child"
