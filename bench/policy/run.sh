#!/usr/bin/env bash
# Measures what policies cost packets and pods, against nodes without policies and against a rule for each policy made by hand; and how an agent
# follows policies and pods of a large cluster. In namespaces of its own: the machine's network is out of reach. Works with and without root.
# usage: npm run bench:policy -- [--gate]
set -euo pipefail
in_namespaces=$(dirname "$0")/../in-namespaces.sh
status=0
bash "$in_namespaces" bench/policy/main.ts "$@" || status=1
bash "$in_namespaces" bench/policy/cluster-main.ts "$@" || status=1
exit $status
