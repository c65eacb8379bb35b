#!/usr/bin/env bash
# Encryption between nodes on a kernel that has no WireGuard: the agent's netlink messages drive WireGuard in userspace, built once from its Go module, so that
# real packets flow between network namespaces. As root.
# usage: e2e/encryption/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/node_modules/.bin:$PATH
CAUSEWAY_WIREGUARD_PROGRAM=$(e2e/encryption/build.sh)
CAUSEWAY_WIREGUARD_FOLDER=$(mktemp -d)
export CAUSEWAY_WIREGUARD_PROGRAM CAUSEWAY_WIREGUARD_FOLDER
# A device's program ends with its link, but holds the namespace that its link is in.
finish() {
  for file in "$CAUSEWAY_WIREGUARD_FOLDER"/*.pid; do
    [ ! -e "$file" ] || [ "$(readlink "/proc/$(cat "$file")/exe")" != "$CAUSEWAY_WIREGUARD_PROGRAM" ] || kill "$(cat "$file")"
  done
  rm -r "$CAUSEWAY_WIREGUARD_FOLDER"
}
trap finish EXIT
export NODE_OPTIONS="--import=$PWD/e2e/encryption/userspace/preload.ts"
node agent/testing/runner/run-kernel-tests.ts e2e/encryption/devices.netns.test.ts
e2e/lib/suite.sh nodes e2e/encryption/nodes.e2e.ts
