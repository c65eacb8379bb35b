#!/usr/bin/env bash
# Measures traffic of pods against the reference plugins and veths made by hand, in namespaces of its own: the machine's network is out of
# reach. Works with and without root.
# usage: npm run bench:datapath -- [--rounds N] [--json PATH] [--gate] [--only NETWORK]...
set -euo pipefail
cd "$(dirname "$0")/../.."
plugins=$(bash bench/plugins.sh)
exec bash bench/in-namespaces.sh bench/datapath/main.ts "$plugins" "$@"
