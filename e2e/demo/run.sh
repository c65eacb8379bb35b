#!/usr/bin/env bash
# Runs the demo in user, network, mount and process namespaces of its own: the machine's network is out of reach, and whatever is
# left at the end dies with them. Works with and without root.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! unshare --user --map-root-user --net true 2>/dev/null; then
  echo "This machine does not allow user namespaces: run as root, or set sysctl user.max_user_namespaces and" >&2
  echo "kernel.apparmor_restrict_unprivileged_userns=0 as your distribution documents it." >&2
  exit 1
fi
exec unshare --user --map-root-user --net --mount --pid --fork --kill-child --mount-proc \
  npm exec --offline -- node e2e/demo/demo.ts
