#!/usr/bin/env bash
# Gives the path of the program that asks the engine of kube-network-policies: built once (a CPU minute) from its Go module.
# usage: e2e/policy-engines/build.sh
set -euo pipefail
cd "$(dirname "$0")"
cache=${CAUSEWAY_CACHE:-$PWD/../../.cache}

fail() {
  echo "policy engines: $*" >&2
  exit 1
}

source_hash=$(cat build.sh driver/* | sha256sum | cut -c 1-12)
target=$cache/policy-engine-$source_hash
mkdir -p "$cache"
# Whoever comes second waits for the first one's build.
exec 9>"$target.lock"
flock 9
if [ ! -e "$target" ]; then
  minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') || minor=0
  [ "${minor:-0}" -ge 26 ] || fail "Go 1.26 or newer is needed to build kube-network-policies: install it as https://go.dev/doc/install tells" \
    "and put its bin folder into PATH"
  echo "Building the engine of kube-network-policies: about a CPU minute, once" >&2
  CGO_ENABLED=0 go build -C driver -trimpath -ldflags '-s -w' -o "$target.new" . >&2 || fail "cannot build the engine of kube-network-policies"
  mv "$target.new" "$target"
fi
echo "$target"
