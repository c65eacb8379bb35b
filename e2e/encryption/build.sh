#!/usr/bin/env bash
# Gives the path of the program that is a WireGuard device in userspace: built once (half a CPU minute) from WireGuard's Go module.
# usage: e2e/encryption/build.sh
set -euo pipefail
cd "$(dirname "$0")"
. ../lib/build-go.sh
build_driver encryption userspace-wireguard 24 "WireGuard from its Go module" "half a CPU minute"
