#!/usr/bin/env bash
# Measures an agent's start and repairs on a node with 5,000 links of others that come and go all the time, against the same node without them.
# Works with and without root.
# usage: npm run bench:foreign-links -- [--rounds N] [--gate]
set -euo pipefail
exec bash "$(dirname "$0")/../in-namespaces.sh" bench/foreign-links/main.ts "$@"
