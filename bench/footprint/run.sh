#!/usr/bin/env bash
# Measures what the agent takes of a node: memory, CPU, time to start, disk; and what the reference plugins take. In namespaces of its own.
# Works with and without root.
# usage: npm run bench:footprint -- [--rounds N] [--idle SECONDS] [--json PATH] [--gate]
set -euo pipefail
cd "$(dirname "$0")/../.."
plugins=$(bash bench/plugins.sh)
exec bash bench/in-namespaces.sh bench/footprint/main.ts "$plugins" "$@"
