#!/usr/bin/env bash
# Measures what a pod can do to the agent through its HTTP port: ADDs, the kubelet's probes, memory and CPU, while a pod keeps the port busy in several ways.
# In namespaces of its own. Works with and without root.
# usage: npm run bench:http-flood -- [--rounds N] [--json PATH] [--gate]
set -euo pipefail
cd "$(dirname "$0")/../.."
exec bash bench/in-namespaces.sh bench/http-flood/main.ts "$@"
