#!/usr/bin/env bash
# Measures ADD and DEL of Causeway against the reference plugins and raw netlink, in namespaces of its own: the machine's network is out of
# reach, and whatever is left at the end dies with them. Works with and without root.
# usage: npm run bench -- [--pods N] [--rounds N] [--bursts N] [--json PATH] [--gate]
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/node_modules/.bin:$PATH

for part in causeway.mjs kernel.node bin/causeway; do
  if [ ! -e "dist/$part" ]; then
    echo "bench: dist/$part is missing: npm run setup builds it" >&2
    exit 1
  fi
done
make -s -C bench
plugins=$(bash bench/plugins.sh)

namespaces=(--mount --net --ipc --pid --fork --kill-child --mount-proc)
if [ "$(id -u)" != 0 ]; then namespaces+=(--user --map-root-user); fi
unshare "${namespaces[@]}" node bench/main.ts "$plugins" "$@" &
child=$!
# unshare itself ignores the other signals; with it everything in its namespaces ends.
trap 'kill -KILL "$child"; exit 1' INT TERM
wait "$child"
