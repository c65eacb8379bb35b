#!/usr/bin/env bash
# Gives the path of the program that asks the engine of kube-network-policies: built once (a CPU minute) from its Go module.
# usage: e2e/policy-engines/build.sh
set -euo pipefail
cd "$(dirname "$0")"
. ../lib/build-go.sh
build_driver "policy engines" policy-engine 26 "the engine of kube-network-policies" "a CPU minute"
