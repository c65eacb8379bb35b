#!/usr/bin/env bash
# Measures ADD, DEL, CHECK and STATUS of Causeway against the reference plugins and raw netlink, in namespaces of its own: the machine's network
# is out of reach. Works with and without root.
# usage: npm run bench -- [--pods N] [--rounds N] [--bursts N] [--json PATH] [--gate]
set -euo pipefail
cd "$(dirname "$0")/.."
plugins=$(bash bench/plugins.sh)
exec bash bench/in-namespaces.sh bench/main.ts "$plugins" "$@"
