#!/usr/bin/env bash
# Measures an agent in a cluster of thousands of nodes: the shipped program, a local API server with real list and watch, and the kernel of a
# network namespace of its own. Works with and without root.
# usage: npm run bench:scale -- [--json PATH] [--gate] [--large]
set -euo pipefail
exec bash "$(dirname "$0")/../in-namespaces.sh" bench/scale/main.ts "$@"
