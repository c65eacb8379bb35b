#!/usr/bin/env bash
# Runs a command in network, mount and process namespaces of its own, as root of a user namespace where there may be one: the machine's network is out
# of reach, and whatever is left at the end dies with them. Works without root, and for root also where user namespaces are off.
# usage: e2e/lib/own-namespaces.sh COMMAND...
set -euo pipefail
own=(--net --mount --pid --fork --kill-child --mount-proc)

if unshare --user --map-root-user "${own[@]}" true 2>/dev/null; then
  exec unshare --user --map-root-user "${own[@]}" "$@"
fi
if [ "$(id -u)" != 0 ]; then
  echo "This machine does not allow user namespaces: run as root, or set sysctl user.max_user_namespaces and" >&2
  echo "kernel.apparmor_restrict_unprivileged_userns=0 as your distribution documents it." >&2
  exit 1
fi
if unshare "${own[@]}" true 2>/dev/null; then
  exec unshare "${own[@]}" "$@"
fi
echo "This machine allows neither user namespaces nor, to this root, others: set sysctl user.max_user_namespaces, or give it CAP_SYS_ADMIN" >&2
echo "(in a container: --privileged). unshare says:" >&2
unshare "${own[@]}" true
