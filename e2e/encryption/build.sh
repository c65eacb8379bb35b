#!/usr/bin/env bash
# Gives the path of the program that is a WireGuard device in userspace: built once (half a CPU minute) from WireGuard's Go module.
# usage: e2e/encryption/build.sh
set -euo pipefail
cd "$(dirname "$0")"
cache=${CAUSEWAY_CACHE:-$PWD/../../.cache}

fail() {
  echo "encryption: $*" >&2
  exit 1
}

source_hash=$(cat build.sh driver/* | sha256sum | cut -c 1-12)
target=$cache/userspace-wireguard-$source_hash
mkdir -p "$cache"
# Whoever comes second waits for the first one's build.
exec 9>"$target.lock"
flock 9
if [ ! -e "$target" ]; then
  minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || minor=0
  [ "${minor:-0}" -ge 24 ] || fail "Go 1.24 or newer is needed to build WireGuard: install it as https://go.dev/doc/install tells" \
    "and put its bin folder into PATH"
  echo "Building WireGuard from its Go module: about half a CPU minute, once" >&2
  CGO_ENABLED=0 go build -C driver -trimpath -ldflags '-s -w' -o "$target.new" . >&2 || fail "cannot build WireGuard"
  mv "$target.new" "$target"
fi
echo "$target"
