#!/usr/bin/env bash
# Runs a command whose Node programs drive WireGuard in userspace by the netlink messages that they send, built once from its Go module, so that real packets
# flow between network namespaces of a kernel that has no WireGuard. As root.
# usage: e2e/encryption/with-userspace.sh COMMAND…
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# As the kernel names it, so that finish() knows it again.
CAUSEWAY_WIREGUARD_PROGRAM=$(realpath "$("$here/build.sh")")
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
NODE_OPTIONS="--import=$here/userspace/preload.ts" "$@"
