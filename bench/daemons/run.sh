#!/usr/bin/env bash
# Measures our agent and flannel's daemon in the same clusters: memory, CPU, and how soon a new node's route is there. In namespaces of its own: the machine's
# network is out of reach. As root.
# usage: npm run bench:daemons -- [--nodes 100|5000] [--json PATH] [--changes N] [--idle SECONDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
flanneld=$(bench/daemons/build.sh)
exec bash bench/in-namespaces.sh bench/daemons/main.ts "$flanneld" "$@"
