#!/usr/bin/env bash
# Measures what host ports cost: a new connection and an ADD, with few and with a thousand of them, and the ways to change one.
# Works with and without root.
# usage: npm run bench:ports
set -euo pipefail
exec bash "$(dirname "$0")/../in-namespaces.sh" bench/ports/main.ts "$@"
